"""The help screen: what every number means, and the keys."""

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.styles import Ink
from esc_tui.console.screens.help_text import SECTIONS
from esc_tui.console.widgets.canvas import Canvas

TERM_CELLS = 18


def help_lines(width: int, ink: Ink) -> list[Line]:
    """The help as lines of at most `width` cells."""
    lines = []
    for section in SECTIONS:
        lines.append(Line().add(section.name, ink.heading))
        for term, meaning in section.terms:
            for number, text in enumerate(wrap(meaning, max(20, width - TERM_CELLS))):
                lines.append(Line().left("" if number else term, TERM_CELLS, ink.strong).add(text, ink.value))
        lines += [Line().add(text, ink.muted) for text in wrap(section.note, max(20, width))]
        lines.append(Line())
    return lines


class HelpText(Canvas):
    """The help."""

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - the height follows from the lines
        """All of it; its scroll container shows a part."""
        return help_lines(width, self.ink)


class HelpScreen(ModalScreen[None]):
    """Explains what the console shows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """The text, scrolling."""
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "What every number means"
            scroll.border_subtitle = "↑ ↓ scroll, esc close"
            yield HelpText()
