"""Histories as bars of eighth blocks, newest at the right edge."""

import math
from collections.abc import Sequence
from functools import lru_cache

BLOCKS = " ▁▂▃▄▅▆▇█"
EIGHTHS = 8
BASELINE = "▁"
"""Where nothing is known yet."""


def scale_top(highest: float) -> float:
    """A round number at or above `highest` for the top of a chart: 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten."""
    if not highest > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    for step in (1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0):
        if highest <= step * power * (1 + 1e-9):
            return step * power
    return 10.0 * power


@lru_cache(maxsize=128)
def repeat_last_known(history: tuple[float, ...], seconds: int) -> tuple[float, ...]:
    """A history in which a nan repeats the last known value, where that is at most `seconds` old."""
    values: list[float] = []
    known, age = math.nan, 0
    for value in history:
        known, age = (known, age + 1) if math.isnan(value) else (value, 0)
        values.append(known if age <= seconds else math.nan)
    return tuple(values)


@lru_cache(maxsize=128)
def resample(history: tuple[float, ...], window_s: int, cells: int, newest_s: int) -> tuple[float, ...]:
    """The last `window_s` seconds of a history of one value a second, as `cells` values; nan where nothing is known.

    Second s covers the cells from s·cells/window on, counted from second 0 of the clock that `newest_s` is on: what
    has been drawn once keeps its shape while it moves left. A cell that covers several seconds shows the highest of
    them, so that no spike is lost.
    """
    values = [math.nan] * cells
    newest_cell = _last_cell(newest_s, window_s, cells)
    for age, value in enumerate(reversed(history)):
        second = newest_s - age
        last = cells - 1 - (newest_cell - _last_cell(second, window_s, cells))
        first = last - (_last_cell(second, window_s, cells) - second * cells // window_s)
        if last < 0:
            break
        for cell in range(max(0, first), last + 1):
            if not value <= values[cell] and not math.isnan(value):
                values[cell] = value
    return tuple(values)


def _last_cell(second: int, window_s: int, cells: int) -> int:
    return max(second * cells // window_s, (second + 1) * cells // window_s - 1)


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
