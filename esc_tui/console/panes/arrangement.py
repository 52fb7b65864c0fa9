"""How a pane uses its room: a pure function of its size and of how much there is to show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDE_CELLS = 110
"""From here on a pane has two columns."""
LEAST_PICTURE_LINES = 4
MOST_PICTURE_LINES = 24
GOOD_PICTURE_LINES = 8
MOST_CHART_LINES = 4


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Lines a chart and the spectrogram take, blank lines between sections, and whether there are two columns."""

    chart_rows: int = 1
    picture_rows: int = LEAST_PICTURE_LINES
    gap_rows: int = 0
    has_two_columns: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What a section takes: lines while its charts are one line high, and how many charts there are to grow."""

    lines: int
    charts: int

    def height(self, chart_rows: int) -> int:
        """Its lines with charts so high."""
        return self.lines + self.charts * (chart_rows - 1)


def largest(needs: Iterable[Sequence[Need]]) -> tuple[Need, ...]:
    """What each section takes so that it holds the same section of every pane."""
    return tuple(
        Need(max(need.lines for need in same), max(need.charts for need in same)) for same in zip(*needs, strict=True)
    )


def arrange(
    width: int, height: int, left: Sequence[Need], right: Sequence[Need], *, has_picture: bool = True
) -> Arrangement:
    """Spend `height` lines on what `left` and `right` need, under each other or, from 110 cells on, side by side.

    The picture of the sound stands in the right column. Where there is room to spare, sections are set apart first,
    then charts grow, then the picture; where there is too little, the pane scrolls.
    """
    if width < WIDE_CELLS:
        return _spend(height, [*left, *right], [*left, *right], has_two_columns=False, has_picture=has_picture)
    return _spend(height, left, right, has_two_columns=True, has_picture=has_picture)


def _spend(
    height: int, left: Sequence[Need], right: Sequence[Need], *, has_two_columns: bool, has_picture: bool
) -> Arrangement:
    picture = GOOD_PICTURE_LINES if has_picture else 0

    def spare(gap_rows: int, chart_rows: int) -> int:
        """Lines that are left in the column that has fewer, once a good picture is drawn."""
        in_left = height - _height(left, gap_rows, chart_rows)
        in_right = height - picture - _height(right, gap_rows, chart_rows)
        return min(in_left, in_right) if has_two_columns else in_right

    gap_rows = int(spare(1, 1) >= 0)
    chart_rows = max((rows for rows in range(2, MOST_CHART_LINES + 1) if spare(gap_rows, rows) >= 0), default=1)
    left_over = height - _height(right, gap_rows, chart_rows)
    picture_rows = max(LEAST_PICTURE_LINES, min(MOST_PICTURE_LINES, left_over))
    return Arrangement(chart_rows, picture_rows, gap_rows, has_two_columns)


def _height(column: Sequence[Need], gap_rows: int, chart_rows: int) -> int:
    return sum(need.height(chart_rows) + gap_rows for need in column if need.lines)
