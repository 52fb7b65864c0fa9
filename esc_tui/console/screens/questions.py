"""The questions that the console asks: a box with answers, chosen by key, enter or mouse."""

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from net.transport.security.trust_questions import TrustQuestion

Answer = TypeVar("Answer")
QuitAnswer = Literal["finish", "now", "stay"]


class ChoiceScreen(ModalScreen[Answer]):
    """Returns one of `answers`, pairs of a value and its words; enter at once gives the first."""

    def __init__(self, title: str, answers: Sequence[tuple[Answer, str]], text: str = "") -> None:
        super().__init__()
        self._heading, self._answers, self._text = title, answers, text

    def compose(self) -> ComposeResult:
        """What there is to know, and the answers."""
        with Vertical(id="question") as box:
            box.border_title = self._heading
            if self._text:
                yield Static(self._text, id="text", markup=False)
            yield OptionList(*(Option(words) for _, words in self._answers))

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Answer by enter or mouse."""
        self.dismiss(self._answers[message.option_index][0])


class QuitScreen(ChoiceScreen[QuitAnswer]):
    """Returns what to do with the `streams` that run: finish them, end them now, or stay."""

    ANSWERS: ClassVar[tuple[tuple[QuitAnswer, str], ...]] = (
        ("finish", "f    finish: send, decode and save what has been read"),
        ("now", "q    quit now: what has been decoded is saved"),
        ("stay", "esc  stay"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "dismiss('finish')", "Finish"),
        Binding("q,ctrl+c,ctrl+q", "dismiss('now')", "Quit now"),
        Binding("escape", "dismiss('stay')", "Stay"),
    ]

    def __init__(self, streams: int) -> None:
        super().__init__("A stream is running" if streams == 1 else f"{streams} streams are running", self.ANSWERS)


class TrustScreen(ChoiceScreen[bool]):
    """Returns whether to trust a peer that was not met before; False once the question is settled otherwise."""

    ANSWERS = ((False, "n    no, end the connection"), (True, "y    yes, trust it from now on"))
    """The first is no, so that a hasty enter does no harm."""
    TEXT = (
        "{peer} is not known yet. Its fingerprint is\n\n    {fingerprint}\n\n"
        "Trust it only if that is what it shows on its own screen."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Trust"),
        Binding("n,escape", "dismiss(False)", "Refuse"),
    ]

    def __init__(self, question: TrustQuestion) -> None:
        text = self.TEXT.format(peer=question.peer, fingerprint=question.fingerprint)
        super().__init__("Do you trust this peer?", self.ANSWERS, text)
        self.question = question

    def on_screen_resume(self) -> None:
        """Close where the question was settled behind another screen."""
        if not self.question.open:
            self.dismiss(False)
