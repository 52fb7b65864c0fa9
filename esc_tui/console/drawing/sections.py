"""The sections of a pane: each turns a stream's figures into lines on the common grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.style import Style

from esc_tui.console.drawing.chart import BASELINE, bars, held, resample, scale_top
from esc_tui.console.drawing.gauge import gauge, queue_style
from esc_tui.console.drawing.line import Grid, Line
from esc_tui.console.drawing.numbers import byte_count, clock, fixed, milliseconds
from esc_tui.console.drawing.styles import Ink
from net.runtime.queues import QueueStats
from net.telemetry.stats import DurationStats, LinkState, ReceiverChunks, SenderChunks, StreamStats

LEAST_COUNTER_CELLS = 12
"""Room from the start for three digits: counters do not jump as they grow."""
COUNTER_CELLS = 16
"""A counter's name and number: wider, and the number would stand nearer to the next name than to its own."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a section is drawn on: its width, its styles, the charts' window and height."""

    width: int
    ink: Ink
    window_s: int = 60
    chart_rows: int = 1

    @property
    def grid(self) -> Grid:
        """The columns."""
        return Grid(self.width)


@dataclass(frozen=True, slots=True)
class History:
    """A chart's data: one value a second up to the second `newest_s`, drawn from 0 to `top`."""

    values: tuple[float, ...]
    top: float
    style: Style
    fill: Style
    newest_s: int


def heading(page: Page, name: str, unit: str, columns: Sequence[str], right: str = "") -> Line:
    """A section's first line: its name and unit, the columns' names, what its history shows."""
    grid, ink = page.grid, page.ink
    line = Line().add(name, ink.heading).space(1).add(unit, ink.muted).to(grid.label_cells)
    for column in columns:
        line.right(column, grid.number_cells, ink.muted)
    if right and grid.chart_cells:
        line.to(grid.chart_start).left(right, grid.chart_cells, ink.muted)
    return line


def scale_text(page: Page, top: float, is_known: bool) -> str:
    """What a chart covers: its stretch of time and, once there is something to show, its scale."""
    return f"{page.window_s} s, 0 to {top:g}" if is_known else f"{page.window_s} s"


def link_lines(stats: StreamStats, page: Page) -> list[Line]:
    """What is streamed, where to, how it is coded, how far it has come."""
    arrow = "→" if isinstance(stats.chunks, SenderChunks) else "←"
    fingerprint = f"{stats.fingerprint[:4]}·{stats.fingerprint[4:8]}" if stats.fingerprint else ""
    model = f"{stats.model} {fingerprint}" if stats.model else "loading"
    identity = f"{model}, {stats.num_streams} of {stats.max_streams} streams"
    rows = [("stream", f"{stats.source or 'unnamed'} {arrow} {stats.peer or '…'}")]
    whole = [f"{identity}, chunks {plan}" for plan in _plans(stats)]
    fitting = next((text for text in whole if page.grid.label_cells + len(text) <= page.width), None)
    rows += [("model", fitting)] if fitting else [("model", identity), ("chunk", _plans(stats)[0])]
    lines = [_labelled(page, label, text) for label, text in rows]
    if stats.reason:
        style = page.ink.bad if stats.state is LinkState.FAILED else page.ink.warn
        text_lines = wrap(stats.reason, max(20, page.width - page.grid.label_cells))
        lines += [_labelled(page, "" if number else "reason", text, style) for number, text in enumerate(text_lines)]
    return [*lines, progress_line(stats, page)]


def _plans(stats: StreamStats) -> tuple[str, str]:
    """How the sound is cut and joined again, in full and in short."""
    chunk, overlap = f"{stats.chunk_ms:.0f}", f"{stats.overlap_ms:.0f}"
    joined = f", {stats.stitching}" if stats.stitching else ""
    return f"{chunk} ms, overlap {overlap} ms{joined}", f"{chunk}/{overlap} ms{joined}"


def _labelled(page: Page, label: str, text: str, style: Style | None = None) -> Line:
    cells = page.grid.label_cells
    return Line().left(label, cells, page.ink.label).left(text, page.width - cells, style or page.ink.value)


def progress_line(stats: StreamStats, page: Page) -> Line:
    """How much of the sound has passed, of how much, and how long the rest will take."""
    ink, grid = page.ink, page.grid
    line = Line().left("progress", grid.label_cells, ink.label)
    if stats.progress is None:
        return line.add(clock(stats.audio_s), ink.strong).add(", open end", ink.muted)
    figures = Line().right(f"{stats.progress * 100:.0f}", 4, ink.strong).add(" %", ink.muted)
    total = clock(stats.total_s)
    figures.space(2).right(clock(stats.audio_s), len(total), ink.value).add(f" of {total}", ink.muted)
    left = Line().add("  left ", ink.muted).add(f"{clock(stats.eta_s):>{len(total)}}", ink.value)
    if not stats.state.is_final and line.cells + figures.cells + left.cells <= page.width:
        figures.extend(left)
    bar = max(0, page.width - grid.label_cells - figures.cells)
    return line.extend(gauge(stats.progress, bar, ink.payload, ink)).extend(figures)


def bitrate_lines(stats: StreamStats, page: Page) -> list[Line]:
    """Payload, wire and nominal bitrate: now, on average, and their history."""
    rates = (stats.payload, stats.wire)
    highest = max(
        (value for rate in rates for value in rate.history_kbps[-page.window_s :]), default=stats.nominal_kbps
    )
    top = scale_top(max(highest, stats.nominal_kbps))
    lines = [heading(page, "BITRATE", "kbps", ("now", "average", "kB"), f"{page.window_s} s, 0 to {top:g}")]
    ink = page.ink
    styles = ((ink.payload, ink.payload_fill), (ink.wire, ink.wire_fill))
    for rate, (style, fill) in zip(rates, styles, strict=True):
        numbers = (fixed(rate.now_kbps, 2), fixed(rate.average_kbps, 2), fixed(rate.total_bytes / 1000, 1))
        history = History(rate.history_kbps, top, style, fill, int(stats.epoch_s))
        lines += row_lines(page, rate.name, numbers, history)
    return lines + row_lines(page, "nominal", (fixed(stats.nominal_kbps, 2),), _nominal_history(stats, page, top))


def _nominal_history(stats: StreamStats, page: Page, top: float) -> History | None:
    """The steps of the streams, once there were any."""
    if not stats.has_steps or not stats.num_streams:
        return None
    stream_kbps = stats.nominal_kbps / stats.num_streams
    values = tuple(stream_kbps * streams for streams in stats.streams_history)
    return History(values, top, page.ink.latency, page.ink.latency_fill, int(stats.epoch_s))


def latency_lines(stats: StreamStats, page: Page) -> list[Line]:
    """From capture to each stage, the round trip, and the offset of the two clocks."""
    recent = [v for d in stats.latencies for v in d.history_ms[-page.window_s :] if not math.isnan(v)]
    top = scale_top(max(recent, default=1.0))
    lines = [heading(page, "LATENCY", "ms", ("now", "p50", "p95"), scale_text(page, top, bool(recent)))]
    for latency in stats.latencies:
        if latency.name == "heard" and not latency.count:
            continue  # nobody listens
        history = _durations(latency, top, stats, page)
        lines += row_lines(page, f"→ {latency.name}", duration_numbers(latency), history)
    trip = row_lines(page, "round trip", duration_numbers(stats.round_trip))[0]
    if page.grid.chart_cells:
        trip.to(page.grid.chart_start).add("clock offset ", page.ink.label)
        trip.add(fixed(stats.clock_offset_ms, 1, plus=True), page.ink.value)
    return [*lines, trip]


def _durations(duration: DurationStats, top: float, stats: StreamStats, page: Page) -> History:
    """The durations of the newest chunk, second by second: a long chunk's is shown until the next one comes."""
    values = held(duration.history_ms, math.ceil(stats.chunk_ms / 1000))
    return History(values, top, page.ink.latency, page.ink.latency_fill, int(stats.epoch_s))


def duration_numbers(duration: DurationStats) -> tuple[str, str, str]:
    """Now, p50 and p95 of a duration."""
    return milliseconds(duration.now_ms), milliseconds(duration.p50_ms), milliseconds(duration.p95_ms)


def queue_lines(stats: StreamStats, page: Page) -> list[Line]:
    """Every queue: how full, of how much, how full at most, what was dropped."""
    lines = [heading(page, "QUEUES", "", ("now", "highest", "limit"), "filling, ┃ highest")]
    return lines + [_queue_line(queue, page) for queue in stats.queues]


def _queue_line(queue: QueueStats, page: Page) -> Line:
    grid, ink = page.grid, page.ink
    style = queue_style(queue.fill, queue.dropped, ink)
    label = queue.name if queue.unit == "chunks" else f"{queue.name} {queue.unit}"
    line = Line().left(label, grid.label_cells, ink.label)
    line.right(str(queue.depth), grid.number_cells, style if queue.fill >= 0.8 else ink.strong)
    line.right(str(queue.high_water), grid.number_cells, ink.value)
    line.right(str(queue.capacity), grid.number_cells, ink.muted)
    if not grid.chart_cells:
        return line
    note = f" {queue.dropped} dropped" if queue.dropped else " full" if queue.fill >= 1 else ""
    line.to(grid.chart_start)
    mark = queue.high_water / queue.capacity if queue.capacity and queue.high_water else None
    line.extend(gauge(queue.fill, grid.chart_cells - len(note), style, ink, mark))
    return line.add(note, ink.warn)


def counter_names(chunks: SenderChunks | ReceiverChunks) -> list[tuple[str, int, bool]]:
    """A stream's chunk counters: name, count, and whether any at all is a fault."""
    if isinstance(chunks, SenderChunks):
        return [
            ("read", chunks.read, False), ("encoded", chunks.encoded, False), ("sent", chunks.sent, False),
            ("acked", chunks.acknowledged, False), ("in flight", chunks.in_flight, False),
            ("silent", chunks.silent, False), ("resent", chunks.resent, True), ("dropped", chunks.dropped, True),
        ]  # fmt: skip
    return [
        ("received", chunks.received, False), ("decoded", chunks.decoded, False),
        ("stitched", chunks.stitched, False), ("played", chunks.played, False), ("saved", chunks.saved, False),
        ("silent", chunks.silent, False), ("lost", chunks.lost, True), ("refused", chunks.refused, True),
    ]  # fmt: skip


def chunk_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The chunk counters, in as many columns as fit."""
    ink = page.ink
    counters = counter_names(stats.chunks)
    needed = max(LEAST_COUNTER_CELLS, *(len(name) + 1 + len(str(count)) for name, count, _ in counters))
    columns = next((n for n in (8, 4, 2) if page.width // n > needed), 1)
    cell = page.width // columns
    counter = min(COUNTER_CELLS, max(needed, cell - 2))
    lines = [Line().add("CHUNKS", ink.heading)]
    for first in range(0, len(counters), columns):
        line = Line()
        for name, count, is_fault in counters[first : first + columns]:
            style = ink.warn if is_fault and count else ink.value
            line.add(name, ink.label).right(str(count), counter - len(name), style).space(cell - counter)
        lines.append(line)
    return lines


def codec_lines(stats: StreamStats, page: Page) -> list[Line]:
    """What coding costs: time a chunk, real-time factor, CPU and memory of this process."""
    duration, ink, grid = stats.codec.duration, page.ink, page.grid
    recent = [v for v in duration.history_ms[-page.window_s :] if not math.isnan(v)]
    top = scale_top(max(recent, default=1.0))
    lines = [heading(page, "CODEC", "ms", ("now", "p50", "p95"), scale_text(page, top, bool(recent)))]
    history = _durations(duration, top, stats, page)
    lines += row_lines(page, duration.name, duration_numbers(duration), history)
    line = Line().left("RTF", grid.label_cells, ink.label)
    line.right(fixed(stats.codec.rtf_now, 3), grid.number_cells, ink.strong)
    line.right("average", grid.number_cells, ink.muted)
    line.right(fixed(stats.codec.rtf_average, 3), grid.number_cells, ink.value)
    size, unit = byte_count(stats.process.resident_bytes)
    process = Line().add("CPU", ink.muted).right(fixed(stats.process.cpu_percent, 0), 4, ink.value).add(" %", ink.muted)
    process.right(size, 5, ink.value).add(f" {unit}", ink.muted)
    if grid.chart_cells >= process.cells:
        return [*lines, line.to(grid.chart_start).extend(process)]
    return [*lines, line, Line().left("process", grid.label_cells, ink.label).extend(process)]


def row_lines(page: Page, label: str, numbers: Sequence[str], history: History | None = None) -> list[Line]:
    """A label, its numbers and, where it is known, their history."""
    grid, ink = page.grid, page.ink
    first = Line().left(label, grid.label_cells, ink.label)
    for position, number in enumerate(numbers):
        first.right(number, grid.number_cells, ink.value if position else ink.strong)
    if history is None or not grid.chart_cells:
        return [first]
    lines = [first] + [Line() for _ in range(page.chart_rows - 1)]
    values = resample(history.values, page.window_s, grid.chart_cells, history.newest_s)
    unknown = next((cell for cell, value in enumerate(values) if not math.isnan(value)), len(values))
    lines[-1].to(grid.chart_start).add(BASELINE * unknown, ink.faint)
    for row, (line, blocks) in enumerate(zip(lines, bars(values[unknown:], history.top, page.chart_rows), strict=True)):
        # The top line is bright, those below it are muted: what is high catches the eye.
        line.to(grid.chart_start + unknown).add(blocks, history.fill if row else history.style)
    return lines
