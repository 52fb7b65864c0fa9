"""The help screen: what every number means, and the keys."""

from functools import cache
from importlib import resources
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Markdown


@cache
def help_text() -> str:
    """The help as Markdown."""
    return resources.files("esc_tui.screens").joinpath("help.md").read_text(encoding="utf-8")


class HelpScreen(ModalScreen[None]):
    """Explains what the console shows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """The text, scrolling."""
        with VerticalScroll(id="help"):
            yield Markdown(help_text())
