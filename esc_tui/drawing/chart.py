"""Histories as bars of eighth blocks, newest at the right edge."""

import math
from collections.abc import Sequence

BLOCKS = " ▁▂▃▄▅▆▇█"
EIGHTHS = 8


def scale_top(highest: float) -> float:
    """A round number at or above `highest` for the top of a chart: 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten."""
    if not highest > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    for step in (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0):
        if highest <= step * power * (1 + 1e-9):
            return step * power
    return 10.0 * power


def resample(history: Sequence[float], window_s: int, cells: int, newest_s: int) -> list[float]:
    """The last `window_s` seconds of a history of one value a second, as `cells` values; nan where nothing is known.

    Where seconds outnumber cells, each cell shows the highest of the seconds it covers, so that no spike is lost.
    Cells begin at whole multiples of their length on the time axis (`newest_s` is the newest value's second): what
    has been drawn once keeps its value while it moves left.
    """
    if window_s <= cells:
        repeat = cells // window_s
        recent = [value for value in history[-window_s:] for _ in range(repeat)]
        return [math.nan] * (cells - len(recent)) + recent
    seconds_a_cell = -(-window_s // cells)
    values = [math.nan] * cells
    for age, value in enumerate(reversed(history)):
        cell = cells - 1 - (newest_s // seconds_a_cell - (newest_s - age) // seconds_a_cell)
        if cell < 0 or age >= window_s:
            break
        if not value <= values[cell] and not math.isnan(value):
            values[cell] = value
    return values


def bars(values: Sequence[float], top: float, rows: int) -> list[str]:
    """Values 0 to `top` as `rows` lines of blocks, topmost line first. A value above 0 always shows."""
    eighths = [_eighths(value, top, rows) for value in values]
    return [
        "".join(BLOCKS[min(EIGHTHS, max(0, filled - row * EIGHTHS))] for filled in eighths)
        for row in range(rows - 1, -1, -1)
    ]


def _eighths(value: float, top: float, rows: int) -> int:
    if not value > 0:
        return 0
    return max(1, min(rows * EIGHTHS, round(value / top * rows * EIGHTHS)))
