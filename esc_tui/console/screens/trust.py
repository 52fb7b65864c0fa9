"""Asks whether a peer that was not met before is who it should be."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from esc_tui.console.screens.choice import ChoiceScreen
from net.transport.security.trust_questions import TrustQuestion

ANSWERS = ((False, "n    no, end the connection"), (True, "y    yes, trust it from now on"))
"""The first is no, so that a hasty enter does no harm."""
TEXT = """\
{peer} is not known yet. Its fingerprint is

    {fingerprint}

Trust it only if that is what it shows on its own screen."""


class TrustScreen(ChoiceScreen[bool]):
    """Returns whether to trust the peer; False once the question is settled otherwise."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Trust"),
        Binding("n,escape", "answer(False)", "Refuse"),
    ]

    def __init__(self, question: TrustQuestion) -> None:
        text = TEXT.format(peer=question.peer, fingerprint=question.fingerprint)
        super().__init__("Do you trust this peer?", ANSWERS, text)
        self.question = question

    def on_screen_resume(self) -> None:
        """Close where the question was settled behind another screen."""
        if not self.question.open:
            self.dismiss(False)
