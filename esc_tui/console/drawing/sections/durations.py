"""The latency, from capture to each stage, and what coding costs: durations on one scale a section."""

import math
from collections.abc import Sequence

from esc_tui.console.drawing.chart import repeat_last_known, scale_top
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import byte_count, fixed, milliseconds
from esc_tui.console.drawing.page import CHART_START, NUMBER_CELLS, Chart, Page
from net.telemetry.stats import DurationStats, StreamStats


def latency_lines(stats: StreamStats, page: Page) -> list[Line]:
    """A row a stage (without "heard" where nobody listens), the round trip, and the offset of the two clocks."""
    stages = [latency for latency in stats.latencies if latency.count or latency.name != "heard"]
    lines = _duration_lines("LATENCY", [(f"→ {latency.name}", latency) for latency in stages], stats, page)
    trip = page.numbers("round trip", _numbers(stats.round_trip))
    if page.chart_cells:
        trip.to(CHART_START).add("clock offset ", page.palette.label)
        trip.add(fixed(stats.clock_offset_ms, 1, plus=True), page.palette.value)
    return [*lines, trip]


def codec_lines(stats: StreamStats, page: Page) -> list[Line]:
    """Time a chunk, real-time factor, CPU and memory of this process."""
    duration, palette = stats.codec.duration, page.palette
    lines = _duration_lines("CODEC", [(duration.name, duration)], stats, page)
    line = page.numbers("RTF", (fixed(stats.codec.rtf_now, 3),)).right("average", NUMBER_CELLS, palette.muted)
    line.right(fixed(stats.codec.rtf_average, 3), NUMBER_CELLS, palette.value)
    size, unit = byte_count(stats.process.resident_bytes)
    process = Line().add("CPU", palette.muted).right(fixed(stats.process.cpu_percent, 0), 4, palette.value)
    process.add(" %", palette.muted).right(size, 5, palette.value).add(f" {unit}", palette.muted)
    if page.chart_cells >= process.cells:
        return [*lines, line.to(CHART_START).extend(process)]
    return [*lines, line, page.label("process").extend(process)]


def _duration_lines(
    name: str, durations: Sequence[tuple[str, DurationStats]], stats: StreamStats, page: Page
) -> list[Line]:
    """A heading and a row for each named duration: now, p50, p95 and, on a common scale, its history.

    A second without a chunk shows the newest one's duration, for as long as a chunk lasts.
    """
    recent = [ms for _, each in durations for ms in each.history_ms[-page.window_s :] if not math.isnan(ms)]
    top = scale_top(max(recent, default=1.0))
    lines = [page.heading(name, "ms", ("now", "p50", "p95"), page.scale(top, bool(recent)))]
    seconds, style, fill = math.ceil(stats.chunk_ms / 1000), page.palette.latency, page.palette.latency_fill
    for label, duration in durations:
        values = repeat_last_known(duration.history_ms, seconds)
        lines += page.row(label, _numbers(duration), Chart(values, top, style, fill, int(stats.epoch_s)))
    return lines


def _numbers(duration: DurationStats) -> tuple[str, str, str]:
    return milliseconds(duration.now_ms), milliseconds(duration.p50_ms), milliseconds(duration.p95_ms)
