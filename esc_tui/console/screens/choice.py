"""The base of the questions that the console asks: a box with answers, chosen by key, enter or mouse."""

from collections.abc import Sequence
from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

Answer = TypeVar("Answer")


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

    def action_answer(self, answer: Answer) -> None:
        """Answer by key."""
        self.dismiss(answer)
