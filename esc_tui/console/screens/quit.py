"""Asks before a running stream is broken off."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

Answer = Literal["finish", "now", "stay"]
ANSWERS: tuple[tuple[Answer, str], ...] = (
    ("finish", "f    finish: send, decode and save what has been read"),
    ("now", "q    quit now: what has been decoded is saved"),
    ("stay", "esc  stay"),
)


class QuitScreen(ModalScreen[Answer]):
    """Returns what to do with the streams that run: finish them, end them now, or stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "answer('finish')", "Finish"),
        Binding("q,ctrl+c,ctrl+q", "answer('now')", "Quit now"),
        Binding("escape", "answer('stay')", "Stay"),
    ]

    def __init__(self, streams: int) -> None:
        super().__init__()
        self._streams = streams

    def compose(self) -> ComposeResult:
        """The question and its three answers."""
        answers = OptionList(*(Option(text, id=answer) for answer, text in ANSWERS), id="answers")
        answers.border_title = "A stream is running" if self._streams == 1 else f"{self._streams} streams are running"
        yield answers

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Answer by enter or mouse."""
        self.dismiss(ANSWERS[message.option_index][0])

    def action_answer(self, answer: Answer) -> None:
        """Answer by key."""
        self.dismiss(answer)
