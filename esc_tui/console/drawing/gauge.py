"""Bars that tell how much of something there is: queues, progress, sound level."""

from dataclasses import dataclass

from rich.style import Style

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.styles import Ink

FULL, HALF, TRACK, MARK = "━", "╸", "─", "┃"
NEAR_FULL = 0.8


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of a gauge, up to the share `end`, with its style."""

    end: float
    style: Style


def gauge(share: float, cells: int, style: Style, ink: Ink, mark: float | None = None) -> Line:
    """A bar of `cells`, filled to `share`; `mark` is the share at which the highest value stands."""
    return zoned_gauge(share, cells, (Zone(1.0, style),), ink, mark)


def zoned_gauge(share: float, cells: int, zones: tuple[Zone, ...], ink: Ink, mark: float | None = None) -> Line:
    """A bar whose filling takes the style of the zone it passes."""
    halves = round(min(1.0, max(0.0, share)) * cells * 2)
    marked = None if mark is None else min(cells - 1, int(max(0.0, mark) * cells))
    line, run, run_style = Line(), "", ink.faint
    for cell in range(cells):
        filled = halves - 2 * cell
        zone = next((zone for zone in zones if cell < round(zone.end * cells)), zones[-1])
        text, style = (FULL if filled >= 2 else HALF, zone.style) if filled > 0 else (TRACK, ink.faint)
        if cell == marked:
            text, style = MARK, ink.value
        if style is not run_style:
            line.add(run, run_style)
            run, run_style = "", style
        run += text
    return line.add(run, run_style)


def queue_style(fill: float, dropped: int, ink: Ink) -> Style:
    """How well a queue fares that is so full."""
    if fill >= 1.0 or dropped:
        return ink.bad if fill >= 1.0 else ink.warn
    return ink.warn if fill >= NEAR_FULL else ink.good
