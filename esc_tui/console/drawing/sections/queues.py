"""The queues between stages: how full, of how much, how full at most, what was dropped."""

from rich.style import Style

from esc_tui.console.drawing.gauge import gauge
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.page import CHART_START, NUMBER_CELLS, Page
from esc_tui.console.drawing.palette import Palette
from net.runtime.queues import QueueStats
from net.telemetry.stats import StreamStats

NEAR_FULL = 0.8


def queue_lines(stats: StreamStats, page: Page) -> list[Line]:
    """A row a queue."""
    heading = page.heading("QUEUES", "", ("now", "highest", "limit"), "filling, ┃ highest")
    return [heading, *(_queue_line(queue, page) for queue in stats.queues)]


def _queue_line(queue: QueueStats, page: Page) -> Line:
    palette = page.palette
    style = _queue_style(queue, palette)
    line = page.label(queue.name if queue.unit == "chunks" else f"{queue.name} {queue.unit}")
    line.right(str(queue.depth), NUMBER_CELLS, style if queue.fill >= NEAR_FULL else palette.strong)
    line.right(str(queue.high_water), NUMBER_CELLS, palette.value)
    line.right(str(queue.capacity), NUMBER_CELLS, palette.muted)
    if not page.chart_cells:
        return line
    note = f" {queue.dropped} dropped" if queue.dropped else " full" if queue.fill >= 1 else ""
    mark = queue.high_water / queue.capacity if queue.capacity and queue.high_water else None
    line.to(CHART_START).extend(gauge(queue.fill, page.chart_cells - len(note), style, palette, mark))
    return line.add(note, palette.warn)


def _queue_style(queue: QueueStats, palette: Palette) -> Style:
    if queue.fill >= 1.0:
        return palette.bad
    return palette.warn if queue.dropped or queue.fill >= NEAR_FULL else palette.good
