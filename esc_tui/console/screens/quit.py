"""Asks before a running stream is broken off."""

from typing import ClassVar, Literal

from textual.binding import Binding, BindingType

from esc_tui.console.screens.choice import ChoiceScreen

Answer = Literal["finish", "now", "stay"]
ANSWERS: tuple[tuple[Answer, str], ...] = (
    ("finish", "f    finish: send, decode and save what has been read"),
    ("now", "q    quit now: what has been decoded is saved"),
    ("stay", "esc  stay"),
)


class QuitScreen(ChoiceScreen[Answer]):
    """Returns what to do with the `streams` that run: finish them, end them now, or stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "answer('finish')", "Finish"),
        Binding("q,ctrl+c,ctrl+q", "answer('now')", "Quit now"),
        Binding("escape", "answer('stay')", "Stay"),
    ]

    def __init__(self, streams: int) -> None:
        super().__init__("A stream is running" if streams == 1 else f"{streams} streams are running", ANSWERS)
