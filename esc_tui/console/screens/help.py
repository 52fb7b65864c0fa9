"""The help screen: what every number means, and the keys."""

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.palette import Palette
from esc_tui.console.screens.help_text import HELP
from esc_tui.console.widgets.canvas import Canvas

TERM_CELLS = 18
LEAST_WORDS_CELLS = 20


def help_lines(width: int, palette: Palette) -> list[Line]:
    """The help as lines of at most `width` cells."""
    lines = []
    for paragraph in HELP.splitlines():
        heading, term, meaning = paragraph.removeprefix("# "), *paragraph.partition(": ")[::2]
        if paragraph.startswith("# "):
            lines += [Line(), Line().add(heading, palette.heading)]
        elif meaning:
            for number, text in enumerate(wrap(meaning, max(LEAST_WORDS_CELLS, width - TERM_CELLS))):
                lines.append(Line().left("" if number else term, TERM_CELLS, palette.strong).add(text, palette.value))
        else:
            lines += [Line().add(text, palette.muted) for text in wrap(term, max(LEAST_WORDS_CELLS, width))]
    return lines[1:]


class HelpText(Canvas):
    """The help."""

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - the height follows from the lines
        """All of it; its scroll container shows a part."""
        return help_lines(width, self.palette)


class HelpScreen(ModalScreen[None]):
    """Explains what the console shows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """The text, scrolling."""
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "What every number means"
            scroll.border_subtitle = "↑ ↓ scroll, esc close"
            yield HelpText()
