"""Bars that tell how much of something there is: queues, progress, sound level."""

from collections.abc import Sequence

from rich.style import Style

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.palette import Palette

FULL, HALF, TRACK, MARK = "━", "╸", "─", "┃"


Zone = tuple[float, Style]
"""A stretch of a gauge, up to a share of it, and its style."""


def gauge(share: float, cells: int, style: Style, palette: Palette, mark: float | None = None) -> Line:
    """A bar of `cells`, filled to `share`; `mark` is the share at which the highest value stands."""
    return zoned_gauge(share, cells, [(1.0, style)], palette, mark)


def zoned_gauge(share: float, cells: int, zones: Sequence[Zone], palette: Palette, mark: float | None = None) -> Line:
    """A bar whose filling takes the style of the zone it passes."""
    halves = round(min(1.0, max(0.0, share)) * cells * 2)
    marked = None if mark is None else min(cells - 1, int(max(0.0, mark) * cells))
    line, run, run_style = Line(), "", palette.faint
    for cell in range(cells):
        filled = halves - 2 * cell
        zone_style = next((style for end, style in zones if cell < round(end * cells)), zones[-1][1])
        text, style = (FULL if filled >= 2 else HALF, zone_style) if filled > 0 else (TRACK, palette.faint)
        if cell == marked:
            text, style = MARK, palette.value
        if style is not run_style:
            line.add(run, run_style)
            run, run_style = "", style
        run += text
    return line.add(run, run_style)
