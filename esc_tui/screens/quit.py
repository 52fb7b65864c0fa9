"""Asks before a running stream is broken off."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

Answer = Literal["finish", "now", "stay"]


class QuitScreen(ModalScreen[Answer]):
    """Returns what to do with the streams that run: finish them, end them now, or stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,enter", "answer('finish')", "Finish"),
        Binding("q,ctrl+c,ctrl+q", "answer('now')", "Quit now"),
        Binding("escape,n", "answer('stay')", "Stay"),
    ]

    def __init__(self, running: int) -> None:
        super().__init__()
        self._streams = running

    def compose(self) -> ComposeResult:
        """The question and its three answers."""
        streams = "A stream is" if self._streams == 1 else f"{self._streams} streams are"
        with Vertical(id="dialog"):
            yield Static(f"{streams} running.", classes="question")
            yield Static(
                "Finish sends, decodes and saves what has been read.\nNow ends at once; what was decoded is saved."
            )
            with Horizontal():
                yield Button("Finish (f)", id="finish", variant="primary", compact=True)
                yield Button("Quit now (q)", id="now", variant="error", compact=True)
                yield Button("Stay (esc)", id="stay", compact=True)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """Answer by mouse."""
        answers: dict[str | None, Answer] = {"finish": "finish", "now": "now", "stay": "stay"}
        self.dismiss(answers[message.button.id])

    def action_answer(self, answer: Answer) -> None:
        """Answer by key."""
        self.dismiss(answer)
