"""The latency: from capture to each stage, the round trip, and the offset of the two clocks."""

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import fixed
from esc_tui.console.drawing.page import CHART_START, Page, duration_numbers, duration_rows, duration_scale
from net.telemetry.stats import StreamStats


def latency_lines(stats: StreamStats, page: Page) -> list[Line]:
    """A row a stage (without "heard" where nobody listens), and the round trip."""
    stages = [latency for latency in stats.latencies if latency.count or latency.name != "heard"]
    top, is_known = duration_scale(stages, page)
    lines = [page.heading("LATENCY", "ms", ("now", "p50", "p95"), page.scale(top, is_known))]
    lines += duration_rows([(f"→ {latency.name}", latency) for latency in stages], stats, page)
    trip = page.numbers("round trip", duration_numbers(stats.round_trip))
    if page.chart_cells:
        trip.to(CHART_START).add("clock offset ", page.palette.label)
        trip.add(fixed(stats.clock_offset_ms, 1, plus=True), page.palette.value)
    return [*lines, trip]
