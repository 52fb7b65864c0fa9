"""The base of widgets that draw their own lines: the theme's palette, and the widget's background."""

from rich.style import Style
from textual.widget import Widget

from esc_tui.console.drawing.palette import Palette, theme_palette


class Themed(Widget):
    """A widget with `palette`: rich styles by meaning.

    They come from the theme's variables and not from component classes, which Textual would match anew for each
    widget at each change of a class: with some thirty widgets, a fifth of a second.
    """

    _palette: Palette | None = None
    _ground: Style | None = None

    @property
    def palette(self) -> Palette:
        """The theme's styles, by meaning."""
        if self._palette is None:
            self._palette = theme_palette(self.app.theme_variables)
        return self._palette

    @property
    def ground(self) -> Style:
        """The widget's background, as a style to draw on."""
        if self._ground is None:
            self._ground = Style(bgcolor=self.rich_style.bgcolor)
        return self._ground

    def notify_style_update(self) -> None:
        """Drop the styles of the former theme."""
        super().notify_style_update()
        self._palette = self._ground = None
