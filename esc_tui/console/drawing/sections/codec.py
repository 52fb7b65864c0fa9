"""The codec: what coding costs."""

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import byte_count, fixed
from esc_tui.console.drawing.page import CHART_START, LABEL_CELLS, NUMBER_CELLS, Page, duration_rows, duration_scale
from net.telemetry.stats import StreamStats


def codec_lines(stats: StreamStats, page: Page) -> list[Line]:
    """Time a chunk, real-time factor, CPU and memory of this process."""
    duration, palette = stats.codec.duration, page.palette
    top, is_known = duration_scale([duration], page)
    lines = [page.heading("CODEC", "ms", ("now", "p50", "p95"), page.scale(top, is_known))]
    lines += duration_rows([(duration.name, duration)], stats, page)
    line = page.numbers("RTF", (fixed(stats.codec.rtf_now, 3),)).right("average", NUMBER_CELLS, palette.muted)
    line.right(fixed(stats.codec.rtf_average, 3), NUMBER_CELLS, palette.value)
    size, unit = byte_count(stats.process.resident_bytes)
    process = Line().add("CPU", palette.muted).right(fixed(stats.process.cpu_percent, 0), 4, palette.value)
    process.add(" %", palette.muted).right(size, 5, palette.value).add(f" {unit}", palette.muted)
    if page.chart_cells >= process.cells:
        return [*lines, line.to(CHART_START).extend(process)]
    return [*lines, line, Line().left("process", LABEL_CELLS, palette.label).extend(process)]
