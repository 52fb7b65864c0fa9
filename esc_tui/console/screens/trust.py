"""Asks whether a peer that was not met before is who it should be."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from net.transport.security.trust_questions import TrustQuestion

ANSWERS = (("y    yes, trust it from now on", True), ("n    no, end the connection", False))


class TrustScreen(ModalScreen[bool]):
    """Returns whether to trust the peer. Leaves by itself when the question is settled otherwise."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Trust"),
        Binding("n,escape", "answer(False)", "Refuse"),
    ]

    def __init__(self, question: TrustQuestion) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """The peer, its fingerprint, and the two answers; the first is no, so that a hasty enter does no harm."""
        with Vertical(id="trust") as box:
            box.border_title = "Do you trust this peer?"
            yield Static(Content(self._text), id="peer")
            yield OptionList(*(Option(text) for text, _ in reversed(ANSWERS)), id="answers")

    @property
    def _text(self) -> str:
        return (
            f"{self.question.peer} is not known yet. Its fingerprint is\n\n"
            f"    {self.question.fingerprint}\n\n"
            "Trust it only if that is what it shows on its own screen."
        )

    def on_screen_resume(self) -> None:
        """Leave where the question was settled behind another screen."""
        if not self.question.open:
            self.dismiss(False)

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Answer by enter or mouse."""
        self.action_answer(tuple(reversed(ANSWERS))[message.option_index][1])

    def action_answer(self, trusted: bool) -> None:
        """Answer by key."""
        self.dismiss(trusted)
