"""Events as lines: time, severity and words; words that do not fit go on below themselves."""

from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap

from rich.cells import cell_len

from esc_tui.console.drawing.state import SEVERITY_WORDS
from esc_tui.console.view import LoggedEvent

WORDS_START = 17
"""The column in which the words begin."""
LEAST_WORDS_CELLS = 20


@dataclass(frozen=True, slots=True, eq=False)
class EventLine:
    """One line of an event: its first, or one that goes on."""

    logged: LoggedEvent
    words: str
    is_first: bool = True

    @property
    def head(self) -> tuple[str, str]:
        """Time and severity, blank on lines that go on."""
        if not self.is_first:
            return " " * 10, " " * (WORDS_START - 10)
        event = self.logged.event
        at = datetime.fromtimestamp(event.epoch_s).strftime("%H:%M:%S")
        return f"{at}  ", f"{SEVERITY_WORDS[event.severity]:<5}  "

    @property
    def text(self) -> str:
        """The line without its styles."""
        return "".join((*self.head, self.words))


def event_text(logged: LoggedEvent) -> str:
    """An event as one line of text: local time, severity, words."""
    return EventLine(logged, logged.event.text).text


def event_lines(logged: LoggedEvent, width: int) -> list[EventLine]:
    """The event in lines of at most `width` cells, broken between words where it can be."""
    text, room = logged.event.text, max(LEAST_WORDS_CELLS, width - WORDS_START)
    cells = cell_len(text)
    if cells <= room:
        return [EventLine(logged, text)]
    parts = wrap(text, room if cells == len(text) else room // 2)  # characters may be two cells wide
    return [EventLine(logged, words, number == 0) for number, words in enumerate(parts or [""])]
