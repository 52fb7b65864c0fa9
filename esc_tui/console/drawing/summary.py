"""What remains of a stream once it has ended: totals, times, sizes, efficiency, files."""

from esc_tui.console.drawing.line import Line, clip_start
from esc_tui.console.drawing.numbers import byte_count, fixed, milliseconds
from esc_tui.console.drawing.sections import Page, heading
from net.telemetry.stats import DurationStats, SenderChunks, StreamStats

PCM_BITS_PER_SAMPLE = 16


def summary_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The performance statistics of a stream that has ended; nothing while it runs."""
    if not stats.state.is_final:
        return []
    lines = [heading(page, "SUMMARY", "ms", ("average", "least", "most"), "total")]
    durations = (stats.codec.duration, stats.send)
    lines += [_duration_line(duration, page) for duration in durations if duration.count]
    lines += [_size_line("payload", stats.payload.total_bytes, stats, page)]
    lines += [_size_line("wire", stats.wire.total_bytes, stats, page)]
    lines.append(_text_line("efficiency", _efficiency(stats), page))
    room = page.width - page.grid.label_cells
    for number, file in enumerate(stats.files):
        lines.append(_text_line("" if number else "saved as", clip_start(file, room), page))
    return lines


def _duration_line(duration: DurationStats, page: Page) -> Line:
    grid, ink = page.grid, page.ink
    line = Line().left(duration.name, grid.label_cells, ink.label)
    for value_ms in (duration.average_ms, duration.minimum_ms, duration.maximum_ms):
        line.right(milliseconds(value_ms), grid.number_cells, ink.value)
    if grid.chart_cells:
        line.to(grid.chart_start).add(fixed(duration.total_s, 2), ink.value).add(" s", ink.muted)
    return line


def _size_line(name: str, total_bytes: int, stats: StreamStats, page: Page) -> Line:
    ink = page.ink
    size, unit = byte_count(total_bytes)
    count = stats.chunks.sent if isinstance(stats.chunks, SenderChunks) else stats.chunks.received
    line = Line().left(name, page.grid.label_cells, ink.label)
    line.right(size, page.grid.number_cells, ink.value).add(f" {unit}", ink.muted)
    if count:
        line.add("  in ", ink.muted).add(str(count), ink.value).add(" chunks of ", ink.muted)
        line.add(fixed(total_bytes / count, 0), ink.value).add(" bytes", ink.muted)
    return line


def _efficiency(stats: StreamStats) -> str:
    payload, wire = stats.payload.total_bytes, stats.wire.total_bytes
    if not payload or not wire:
        return "nothing was sent"
    pcm_bytes = stats.audio_s * stats.sample_rate * PCM_BITS_PER_SAMPLE / 8
    share = f"{payload / wire * 100:.1f} % payload"
    return f"{share}, {pcm_bytes / wire:.0f}× smaller than PCM" if pcm_bytes > wire else share


def _text_line(label: str, text: str, page: Page) -> Line:
    cells = page.grid.label_cells
    return Line().left(label, cells, page.ink.label).left(text, page.width - cells, page.ink.value)
