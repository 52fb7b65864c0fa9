"""The screen's first line: the program, its pages to click on, the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.events import Click
from textual.message import Message
from textual.reactive import reactive

from esc_tui.console.drawing.line import Line
from esc_tui.console.view import View
from esc_tui.console.widgets.canvas import Canvas

PROGRAM_CELLS = 9


class TitleBar(Canvas):
    """Names the program and what it does, and lists the pages with the keys that show them."""

    view: reactive[View] = reactive(View(), always_update=True)
    """All engines, from the screen: its time is what the clock shows."""
    page: reactive[int] = reactive(0)
    """The page that has the focus."""
    notice: reactive[str] = reactive("")
    """What the console is about to do, shown instead of its title."""

    @dataclass
    class PageChosen(Message):
        """A page's name was clicked."""

        page: int

    def __init__(self, title: str, pages: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._pages = tuple(pages)
        self._spans: list[tuple[int, int]] = []

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """Title at the left, pages behind it, time of day at the right."""
        time_text = datetime.fromtimestamp(self.view.epoch_s).strftime("%H:%M:%S") if self.view.epoch_s else ""
        pages, spans = self._page_names(is_short=False)
        if pages.cells > width:
            pages, spans = self._page_names(is_short=True)
        line = Line()
        if pages.cells + PROGRAM_CELLS + len(time_text) <= width:
            line.left("esc-tui", PROGRAM_CELLS, self.palette.heading)
        room = width - line.cells - pages.cells - len(time_text) - 4
        what, style = (self.notice, self.palette.warn) if self.notice else (self._title, self.palette.value)
        if room > 0:
            line.left(what, min(room, len(what)), style).space(2)
        self._spans = [(start + line.cells, end + line.cells) for start, end in spans]
        line.extend(pages)
        return [line.to(width - len(time_text)).add(time_text, self.palette.muted) if room > 0 else line]

    def _page_names(self, *, is_short: bool) -> tuple[Line, list[tuple[int, int]]]:
        """The pages side by side, and where each stands; in short, only the one that is shown has its name."""
        pages, spans = Line(), []
        for index, name in enumerate(self._pages):
            start, is_shown = pages.cells, index == self.page
            text = f" {index + 1} " if is_short and not is_shown else f" {index + 1} {name} "
            pages.add(text, self.palette.chosen if is_shown else self.palette.muted)
            spans.append((start, pages.cells))
        return pages, spans

    def on_click(self, event: Click) -> None:
        """Choose the page under the mouse."""
        for page, (start, end) in enumerate(self._spans):
            if start <= event.x - self.gutter.left < end:
                self.post_message(self.PageChosen(page))
