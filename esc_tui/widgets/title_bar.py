"""The screen's first line: the program, its pages to click on, the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.events import Click
from textual.message import Message
from textual.reactive import var

from esc_tui.drawing.line import Line
from esc_tui.view import View
from esc_tui.widgets.canvas import Canvas


class TitleBar(Canvas):
    """Names the program and what it does, and lists the pages with the keys that show them."""

    view: var[View] = var(View(), always_update=True)
    """All engines, from the screen: its time is what the clock shows."""
    page: var[int] = var(0)
    """The page that has the focus."""
    notice: var[str] = var("")
    """What the console is about to do, shown instead of its title."""

    @dataclass
    class PageChosen(Message):
        """A person clicked on a page's name."""

        page: int

    def __init__(self, title: str, pages: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._pages = tuple(pages)
        self._spans: list[tuple[int, int]] = []

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """Title at the left, pages behind it, time of day at the right."""
        time_text = datetime.fromtimestamp(self.view.epoch_s).strftime("%H:%M:%S") if self.view.epoch_s else ""
        pages = Line()
        spans = []
        for index, name in enumerate(self._pages):
            start = pages.cells
            style = self.ink.chosen if index == self.page else self.ink.muted
            pages.add(f" {index + 1} {name} ", style)
            spans.append((start, pages.cells))
        line = Line().add("esc-tui", self.ink.heading).space(2)
        room = width - line.cells - pages.cells - len(time_text) - 4
        what, style = (self.notice, self.ink.warn) if self.notice else (self._title, self.ink.value)
        line.left(what, max(0, min(room, len(what))), style).space(2)
        self._spans = [(start + line.cells, end + line.cells) for start, end in spans]
        return [line.extend(pages).to(width - len(time_text)).add(time_text, self.ink.muted)]

    def on_click(self, event: Click) -> None:
        """Choose the page under the mouse."""
        for page, (start, end) in enumerate(self._spans):
            if start <= event.x - self.gutter.left < end:
                self.post_message(self.PageChosen(page))

    def watch_view(self) -> None:
        """Let the clock go on."""
        self.redraw()

    def watch_page(self) -> None:
        """Mark another page."""
        self.redraw()

    def watch_notice(self) -> None:
        """Tell what will happen."""
        self.redraw()
