"""What remains of a stream once it has ended: totals, times, sizes, efficiency, files."""

from esc_tui.console.drawing.line import Line, clip_start
from esc_tui.console.drawing.numbers import byte_count, fixed, milliseconds
from esc_tui.console.drawing.page import CHART_START, LABEL_CELLS, NUMBER_CELLS, Page
from net.telemetry.stats import DurationStats, SenderChunks, StreamStats
from net.text import printable

PCM_BITS_PER_SAMPLE = 16


def summary_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The performance statistics of a stream that has ended; nothing while it runs."""
    if not stats.state.is_final:
        return []
    lines = [page.heading("SUMMARY", "ms", ("average", "least", "most"), "total")]
    durations = (stats.codec.duration, stats.send)
    lines += [_duration_line(duration, page) for duration in durations if duration.count]
    lines += [_size_line("payload", stats.payload.total_bytes, stats, page)]
    lines += [_size_line("wire", stats.wire.total_bytes, stats, page)]
    lines.append(page.text("efficiency", _efficiency(stats)))
    names = [printable(name, len(name)) for name in stats.files]
    files = [clip_start(name, page.width - LABEL_CELLS) for name in names]
    return lines + [page.text("" if number else "saved as", file) for number, file in enumerate(files)]


def _duration_line(duration: DurationStats, page: Page) -> Line:
    palette = page.palette
    line = page.label(duration.name)
    for value_ms in (duration.average_ms, duration.minimum_ms, duration.maximum_ms):
        line.right(milliseconds(value_ms), NUMBER_CELLS, palette.value)
    if page.chart_cells:
        line.to(CHART_START).add(fixed(duration.total_s, 2), palette.value).add(" s", palette.muted)
    return line


def _size_line(name: str, total_bytes: int, stats: StreamStats, page: Page) -> Line:
    palette = page.palette
    size, unit = byte_count(total_bytes)
    count = stats.chunks.sent if isinstance(stats.chunks, SenderChunks) else stats.chunks.received
    line = page.label(name)
    line.right(size, NUMBER_CELLS, palette.value).add(f" {unit}", palette.muted)
    if count:
        line.add("  in ", palette.muted).add(str(count), palette.value).add(" chunks of ", palette.muted)
        line.add(fixed(total_bytes / count, 0), palette.value).add(" bytes", palette.muted)
    return line


def _efficiency(stats: StreamStats) -> str:
    payload, wire = stats.payload.total_bytes, stats.wire.total_bytes
    if not payload or not wire:
        return "nothing was sent"
    pcm_bytes = stats.audio_s * stats.sample_rate * PCM_BITS_PER_SAMPLE / 8
    share = f"{payload / wire * 100:.1f} % payload"
    return f"{share}, {pcm_bytes / wire:.0f}× smaller than PCM" if pcm_bytes > wire else share
