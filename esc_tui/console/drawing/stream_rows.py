"""The list of a receiver's streams: one line each, the chosen one marked."""

from collections.abc import Sequence

from esc_tui.console.drawing.gauge import gauge
from esc_tui.console.drawing.line import Line, clip
from esc_tui.console.drawing.numbers import clock, fixed, milliseconds
from esc_tui.console.drawing.palette import Palette
from esc_tui.console.drawing.state import state_style, state_text
from net.telemetry.stats import ReceiverChunks, StreamStats

MOST_LINES = 8
STATE_CELLS, PEER_CELLS, KBPS_CELLS, LATENCY_CELLS, LOST_CELLS, CLOCK_CELLS, GAUGE_CELLS = 15, 21, 7, 9, 6, 9, 20
WIDE_CELLS = 96
"""From here on there is room for latency, lost chunks and progress."""
NARROW_CELLS = 70
"""Below there is no room for the sender's address."""


def shown_rows(count: int, chosen: int, lines: int) -> range:
    """Those of `count` rows that stand in so many lines, such that the chosen one is among them."""
    first = max(0, min(chosen - lines // 2, count - lines))
    return range(first, min(count, first + lines))


def stream_rows(streams: Sequence[StreamStats], chosen: int, width: int, palette: Palette) -> list[Line]:
    """A heading and one line a stream: state, source and peer, bitrate now, sound that has passed, and more.

    A click on a line runs the action `choose` with the stream's place.
    """
    shown = shown_rows(len(streams), chosen, MOST_LINES)
    rows = (_stream_row(streams[at], at == chosen, width, palette).clickable(f"choose({at})") for at in shown)
    return [_heading(len(streams), width, palette), *rows]


def _peer_cells(width: int) -> int:
    return PEER_CELLS if width >= NARROW_CELLS else 0


def _source_cells(width: int) -> int:
    rest = STATE_CELLS + KBPS_CELLS + CLOCK_CELLS + 2
    if width >= WIDE_CELLS:
        rest += LATENCY_CELLS + LOST_CELLS + GAUGE_CELLS + 2
    return max(8, width - rest - _peer_cells(width))


def _heading(count: int, width: int, palette: Palette) -> Line:
    line = Line().add("STREAMS ", palette.heading).left(str(count), STATE_CELLS - 6, palette.muted)
    line.left("sound", _source_cells(width), palette.muted).left("sender", _peer_cells(width), palette.muted)
    line.right("kbps", KBPS_CELLS, palette.muted)
    if width >= WIDE_CELLS:
        line.right("p50 ms", LATENCY_CELLS, palette.muted).right("lost", LOST_CELLS, palette.muted)
    return line.right("saved", CLOCK_CELLS, palette.muted)


def _stream_row(stats: StreamStats, is_chosen: bool, width: int, palette: Palette) -> Line:
    text = palette.strong if is_chosen else palette.value
    line = Line().add("▸ " if is_chosen else "  ", palette.heading)
    line.left(state_text(stats.state), STATE_CELLS, state_style(stats.state, palette))
    line.left(clip(stats.source, _source_cells(width) - 2), _source_cells(width), text)
    line.left(stats.peer, _peer_cells(width), text)
    line.right(fixed(stats.payload.now_kbps, 2), KBPS_CELLS, text)
    if width >= WIDE_CELLS:
        decoded = next((latency.p50_ms for latency in stats.latencies if latency.name == "decoded"), None)
        lost = stats.chunks.lost if isinstance(stats.chunks, ReceiverChunks) else 0
        line.right(milliseconds(decoded), LATENCY_CELLS, text)
        line.right(str(lost), LOST_CELLS, palette.warn if lost else text)
    line.right(clock(stats.audio_s), CLOCK_CELLS, text)
    if width >= WIDE_CELLS and stats.progress is not None:
        line.space(2).extend(gauge(stats.progress, GAUGE_CELLS, palette.payload, palette))
    return line
