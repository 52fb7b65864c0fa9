"""The help screen: what every number means, and the keys."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from esc_tui.console.screens.help_text import HELP


class HelpScreen(ModalScreen[None]):
    """Explains what the console shows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """The text, scrolling."""
        with VerticalScroll(id="help") as scroll:
            scroll.border_title = "What every number means"
            scroll.border_subtitle = "↑ ↓ scroll, esc close"
            for paragraph in HELP.splitlines():
                term, _, meaning = paragraph.partition(": ")
                if paragraph.startswith("# "):
                    yield Static(paragraph[2:], classes="heading", markup=False)
                elif meaning:
                    with Horizontal():
                        yield Static(term, classes="term", markup=False)
                        yield Static(meaning, classes="meaning", markup=False)
                else:
                    yield Static(paragraph, classes="note", markup=False)
