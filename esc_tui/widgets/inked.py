"""Gives a widget the console's palette of meaning, as its theme colours it."""

from typing import ClassVar

from rich.style import Style
from textual.widget import Widget

from esc_tui.drawing.ink import INK_NAMES, Ink


class Inked(Widget):
    """A widget with `ink`: rich styles by meaning, taken from the component classes `ink--NAME`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ink--{name}" for name in INK_NAMES}

    DEFAULT_CSS = """
    Inked {
        & > .ink--heading { color: $primary; text-style: bold; }
        & > .ink--label { color: $foreground 80%; }
        & > .ink--muted { color: $foreground 60%; }
        & > .ink--faint { color: $foreground 25%; }
        & > .ink--value { color: $foreground; }
        & > .ink--strong { color: $foreground; text-style: bold; }
        & > .ink--good { color: $success; }
        & > .ink--warn { color: $warning; text-style: bold; }
        & > .ink--bad { color: $error; text-style: bold; }
        & > .ink--payload { color: $primary; }
        & > .ink--wire { color: $secondary; }
        & > .ink--latency { color: $accent; }
        & > .ink--payload_fill { color: $primary 45%; }
        & > .ink--wire_fill { color: $secondary 45%; }
        & > .ink--latency_fill { color: $accent 45%; }
        & > .ink--chosen { color: $foreground; background: $primary 25%; text-style: bold; }
    }
    """

    _ink: Ink | None = None
    _ground: Style | None = None

    @property
    def ink(self) -> Ink:
        """The theme's styles, by meaning."""
        if self._ink is None:
            self._ink = Ink(**{name: self._component_ink(f"ink--{name}") for name in INK_NAMES})
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

    def _component_ink(self, component: str) -> Style:
        style = self.get_component_rich_style(component)
        if self.get_component_styles(component).has_rule("background"):
            return style
        # Without a background of its own, text stands on its widget's, whatever that becomes.
        return Style(color=style.color, bold=style.bold)
