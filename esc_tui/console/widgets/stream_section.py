"""A section of a pane: one of `drawing.sections` in a widget."""

from collections.abc import Callable, Sequence

from textual.reactive import reactive

from esc_tui.console.drawing.layout import SectionSize
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.page import Page
from esc_tui.console.drawing.palette import PLAIN
from esc_tui.console.widgets.canvas import Canvas
from net.telemetry.stats import StreamStats

Drawing = Callable[[StreamStats, Page], Sequence[Line]]


class StreamSection(Canvas):
    """Draws one stream's figures with a pure function. `stats`, `window_s` and `chart_rows` come from the pane."""

    stats: reactive[StreamStats | None] = reactive(None, always_update=True)
    """The stream to show."""
    window_s: reactive[int] = reactive(60)
    """How many seconds the histories cover."""
    chart_rows: reactive[int] = reactive(1)
    """How many lines a history is high."""

    def __init__(self, drawing: Drawing) -> None:
        super().__init__(classes=drawing.__name__)
        self._drawing = drawing

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - the height follows from the lines
        """The section's lines; none while there is no stream."""
        return self._draw_on(Page(width, self.palette, self.window_s, self.chart_rows))

    def line_count(self, width: int) -> int:
        """How many lines it has now; as long as it has not been drawn, how many it would have at `width`."""
        return len(self._lines) if self.display and self.size else len(self._draw_on(Page(width, PLAIN)))

    def measure(self, width: int) -> SectionSize:
        """What it takes at `width`."""
        low, high = (len(self._draw_on(Page(width, PLAIN, chart_rows=rows))) for rows in (1, 2))
        return SectionSize(low, high - low)

    def _draw_on(self, page: Page) -> Sequence[Line]:
        return [] if self.stats is None else self._drawing(self.stats, page)
