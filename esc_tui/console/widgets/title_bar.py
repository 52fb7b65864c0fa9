"""The screen's first line: the program, its pages to click on, the time."""

from collections.abc import Sequence
from datetime import datetime

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

    def __init__(self, title: str, pages: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._pages = tuple(pages)

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """Title at the left, pages behind it, time of day at the right."""
        time_text = datetime.fromtimestamp(self.view.epoch_s).strftime("%H:%M:%S") if self.view.epoch_s else ""
        pages = self._page_names(is_short=False)
        if pages.cells > width:
            pages = self._page_names(is_short=True)
        line = Line()
        if pages.cells + PROGRAM_CELLS + len(time_text) <= width:
            line.left("esc-tui", PROGRAM_CELLS, self.palette.heading)
        room = width - line.cells - pages.cells - len(time_text) - 4
        what, style = (self.notice, self.palette.warn) if self.notice else (self._title, self.palette.value)
        if room > 0:
            line.left(what, min(room, len(what)), style).space(2)
        line.extend(pages)
        return [line.to(width - len(time_text)).add(time_text, self.palette.muted) if room > 0 else line]

    def _page_names(self, *, is_short: bool) -> Line:
        """The pages side by side, each shown by a click; in short, only the one that is shown has its name."""
        pages = Line()
        for index, name in enumerate(self._pages):
            is_shown = index == self.page
            text = f" {index + 1} " if is_short and not is_shown else f" {index + 1} {name} "
            style = self.palette.chosen if is_shown else self.palette.muted
            pages.extend(Line().add(text, style).clickable(f"screen.page({index})"))
        return pages
