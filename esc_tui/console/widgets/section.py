"""A section of a pane: a drawing function in a widget."""

from collections.abc import Callable, Sequence

from textual.reactive import var

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.sections import Page
from esc_tui.console.widgets.canvas import Canvas
from net.telemetry.stats import StreamStats

UNSEEN_CELLS = 80
"""A width to draw at while the section has none."""

Drawing = Callable[[StreamStats, Page], Sequence[Line]]


class Section(Canvas):
    """Draws one stream's figures with a pure function. `stats`, `window_s` and `chart_rows` come from the pane."""

    stats: var[StreamStats | None] = var(None, always_update=True)
    """The stream to show."""
    window_s: var[int] = var(60)
    """How many seconds the histories cover."""
    chart_rows: var[int] = var(1)
    """How many lines a history is high."""

    def __init__(self, drawing: Drawing, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._drawing = drawing

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - the height follows from the lines
        """The section's lines; none while there is no stream."""
        if self.stats is None:
            return []
        return self._drawing(self.stats, Page(width, self.ink, self.window_s, self.chart_rows))

    def watch_stats(self) -> None:
        """Show the newest figures; take no room where there are none."""
        if not self.display:
            self.display = bool(self.draw(UNSEEN_CELLS, 0))
        self.redraw()
        if self.is_mounted and self.size.width and not self._strips:
            self.display = False

    def watch_window_s(self) -> None:
        """Show another stretch of the past."""
        self.redraw()

    def watch_chart_rows(self) -> None:
        """Grow or shrink."""
        self.redraw()
