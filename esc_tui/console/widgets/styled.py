"""Gives a widget the console's palette of meaning, as the theme colours it."""

from collections.abc import Mapping
from functools import lru_cache

from rich.style import Style
from textual.color import Color
from textual.widget import Widget

from esc_tui.console.drawing.styles import Ink

COLOR_VARIABLES = ("foreground", "background", "primary", "secondary", "accent", "success", "warning", "error")


@lru_cache(maxsize=8)
def ink_of(
    *,
    foreground: str,
    background: str,
    primary: str,
    secondary: str,
    accent: str,
    success: str,
    warning: str,
    error: str,
) -> Ink:
    """The palette of a theme with these colours."""
    ground, text = Color.parse(background), Color.parse(foreground)

    def style(color: str | Color, share: float = 1.0, *, bold: bool = False) -> Style:
        """`color`, mixed into the background so that `share` of it is left."""
        return Style(color=ground.blend(Color.parse(color), share, 1.0).rich_color, bold=bold)

    chosen = Style(color=text.rich_color, bgcolor=ground.blend(Color.parse(primary), 0.35, 1.0).rich_color, bold=True)
    return Ink(
        heading=style(primary, bold=True),
        label=style(text, 0.8),
        muted=style(text, 0.6),
        faint=style(text, 0.25),
        value=style(text),
        strong=style(text, bold=True),
        good=style(success),
        warn=style(warning, bold=True),
        bad=style(error, bold=True),
        payload=style(primary),
        wire=style(secondary),
        latency=style(accent),
        payload_fill=style(primary, 0.7),
        wire_fill=style(secondary, 0.7),
        latency_fill=style(accent, 0.7),
        chosen=chosen,
    )


def theme_ink(variables: Mapping[str, str]) -> Ink:
    """The palette for a theme's variables."""
    return ink_of(**{name: variables[name] for name in COLOR_VARIABLES})


class Styled(Widget):
    """A widget with `ink`: rich styles by meaning.

    They come from the theme's variables and not from component classes, which Textual would match anew for each
    widget at each change of a class: with some thirty instruments, a fifth of a second.
    """

    _ink: Ink | None = None
    _ground: Style | None = None

    @property
    def ink(self) -> Ink:
        """The theme's styles, by meaning."""
        if self._ink is None:
            self._ink = theme_ink(self.app.theme_variables)
        return self._ink

    @property
    def ground(self) -> Style:
        """The widget's background, as a style to draw on."""
        if self._ground is None:
            self._ground = Style(bgcolor=self.rich_style.bgcolor)
        return self._ground

    def notify_style_update(self) -> None:
        """Take the new theme's styles."""
        super().notify_style_update()
        self._ink = self._ground = None
