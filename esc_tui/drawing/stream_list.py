"""The list of a receiver's streams: one line each, the chosen one marked."""

from collections.abc import Sequence

from esc_tui.drawing.ink import Ink
from esc_tui.drawing.line import Line
from esc_tui.drawing.numbers import clock, fixed
from esc_tui.drawing.state import state_style, state_text
from net.stats import StreamStats

MOST_LINES = 8
STATE_CELLS, KBPS_CELLS, CLOCK_CELLS = 15, 7, 9


def first_shown(count: int, chosen: int) -> int:
    """The first of the at most 8 shown streams, such that the chosen one is among them."""
    return max(0, min(chosen - MOST_LINES // 2, count - MOST_LINES))


def stream_lines(streams: Sequence[StreamStats], chosen: int, width: int, ink: Ink) -> list[Line]:
    """A heading and one line a stream: state, source, bitrate now, sound that has passed."""
    name_cells = max(8, width - STATE_CELLS - KBPS_CELLS - CLOCK_CELLS - 2)
    heading = Line().left("  STREAMS", STATE_CELLS + 2, ink.heading).left(f"{len(streams)}", name_cells, ink.muted)
    heading.right("kbps", KBPS_CELLS, ink.muted).right("sound", CLOCK_CELLS, ink.muted)
    lines = [heading]
    first = first_shown(len(streams), chosen)
    for index, stats in enumerate(streams[first : first + MOST_LINES], first):
        is_chosen = index == chosen
        text = ink.strong if is_chosen else ink.value
        line = Line().add("▸ " if is_chosen else "  ", ink.heading)
        line.left(state_text(stats.state), STATE_CELLS, state_style(stats.state, ink))
        line.left(f"{stats.source}  {stats.peer}", name_cells, text)
        line.right(fixed(stats.payload.now_kbps, 2), KBPS_CELLS, text)
        line.right(clock(stats.audio_s), CLOCK_CELLS, text)
        lines.append(line)
    return lines
