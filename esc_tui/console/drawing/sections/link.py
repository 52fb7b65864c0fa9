"""The link: what is streamed, where to, how it is coded, how far it has come."""

from textwrap import wrap

from esc_tui.console.drawing.gauge import gauge
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import clock
from esc_tui.console.drawing.page import LABEL_CELLS, Page
from net.telemetry.stats import LinkState, Role, StreamStats

LEAST_REASON_CELLS = 20


def link_lines(stats: StreamStats, page: Page) -> list[Line]:
    """Stream, model, chunks, the reason of a failure or an interruption, progress."""
    lines = [_stream(stats, page), *_model(stats, page)]
    if stats.reason:
        style = page.palette.bad if stats.state is LinkState.FAILED else page.palette.warn
        reason = wrap(stats.reason, max(LEAST_REASON_CELLS, page.width - LABEL_CELLS))
        lines += [page.text("" if number else "reason", text, style) for number, text in enumerate(reason)]
    return [*lines, progress_line(stats, page)]


def _stream(stats: StreamStats, page: Page) -> Line:
    """What goes where and, where there is room, how much of it the system buffers in the socket."""
    arrow = "→" if stats.role is Role.SENDER else "←"
    text = f"{stats.source or 'unnamed'} {arrow} {stats.peer or '…'}"
    size = stats.socket_buffer_bytes
    for buffer in (f", socket buffer {size} bytes", f", socket {size} B") if size else ():
        if LABEL_CELLS + len(text + buffer) <= page.width:
            return page.text("stream", text + buffer)
    return page.text("stream", text)


def _model(stats: StreamStats, page: Page) -> list[Line]:
    """The model and how the sound is cut and joined again: in one line where they fit, if need be in short."""
    fingerprint = f"{stats.fingerprint[:4]}·{stats.fingerprint[4:8]}" if stats.fingerprint else ""
    model = f"{stats.model} {fingerprint}" if stats.model else "loading"
    identity = f"{model}, {stats.num_streams} of {stats.max_streams} streams"
    chunk, overlap = f"{stats.chunk_ms:.0f}", f"{stats.overlap_ms:.0f}"
    stitching = f", {stats.stitching}" if stats.stitching else ""
    chunks = f"{chunk} ms, overlap {overlap} ms{stitching}"
    for plan in (chunks, f"{chunk}/{overlap} ms{stitching}"):
        text = f"{identity}, chunks {plan}"
        if LABEL_CELLS + len(text) <= page.width:
            return [page.text("model", text)]
    return [page.text("model", identity), page.text("chunk", chunks)]


def progress_line(stats: StreamStats, page: Page) -> Line:
    """How much of the sound has passed, of how much, and how long the rest will take."""
    palette = page.palette
    line = page.label("progress")
    if stats.progress is None:
        return line.add(clock(stats.audio_s), palette.strong).add(", open end", palette.muted)
    total = clock(stats.total_s)
    figures = Line().right(f"{stats.progress * 100:.0f}", 4, palette.strong).add(" %", palette.muted)
    figures.space(2).right(clock(stats.audio_s), len(total), palette.value).add(f" of {total}", palette.muted)
    left = Line().add("  left ", palette.muted).add(f"{clock(stats.eta_s):>{len(total)}}", palette.value)
    if not stats.state.is_final and line.cells + figures.cells + left.cells <= page.width:
        figures.extend(left)
    bar = max(0, page.width - LABEL_CELLS - figures.cells)
    return line.extend(gauge(stats.progress, bar, palette.payload, palette)).extend(figures)
