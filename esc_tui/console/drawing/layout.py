"""How a pane uses its room: a pure function of its size and of what its sections take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TWO_COLUMNS_CELLS = 110
"""From here on a pane has two columns."""
COLUMN_GAP_CELLS = 2
LEAST_SPECTROGRAM_LINES, GOOD_SPECTROGRAM_LINES, MOST_SPECTROGRAM_LINES = 4, 8, 24
MOST_CHART_LINES = 4


@dataclass(frozen=True, slots=True)
class SectionSize:
    """What a section takes: lines while its charts are one line high, and how many charts there are to grow."""

    lines: int
    charts: int

    def height(self, chart_rows: int) -> int:
        """Its lines with charts so high."""
        return self.lines + self.charts * (chart_rows - 1)


@dataclass(frozen=True, slots=True)
class PaneLayout:
    """Lines a chart and the spectrogram take, blank lines between sections, and whether there are two columns."""

    chart_rows: int
    spectrogram_rows: int
    gap_rows: int
    has_two_columns: bool


def column_cells(width: int) -> int:
    """How wide a column is in a pane of `width` cells."""
    return width if width < TWO_COLUMNS_CELLS else (width - COLUMN_GAP_CELLS) // 2


def largest(panes: Iterable[Sequence[SectionSize]]) -> tuple[SectionSize, ...]:
    """For each section, the size that holds it in every pane."""
    return tuple(
        SectionSize(max(size.lines for size in same), max(size.charts for size in same))
        for same in zip(*panes, strict=True)
    )


def lay_out(
    width: int,
    height: int,
    left: Sequence[SectionSize],
    right: Sequence[SectionSize],
    *,
    has_spectrogram: bool = True,
) -> PaneLayout:
    """Share `height` lines between `left` and `right`, one below the other or, from 110 cells on, side by side.

    The spectrogram stands in the right column. Where there is room to spare, sections are set apart first, then charts
    grow, then the spectrogram; where there is too little, the pane scrolls.
    """
    has_two_columns = width >= TWO_COLUMNS_CELLS
    if not has_two_columns:
        left, right = [], [*left, *right]
    spectrogram = GOOD_SPECTROGRAM_LINES if has_spectrogram else 0

    def fits(gap_rows: int, chart_rows: int) -> bool:
        in_left, in_right = _height(left, gap_rows, chart_rows), _height(right, gap_rows, chart_rows)
        return max(in_left, in_right + spectrogram) <= height

    gap_rows = int(fits(1, 1))
    chart_rows = max((rows for rows in range(2, MOST_CHART_LINES + 1) if fits(gap_rows, rows)), default=1)
    rest = height - _height(right, gap_rows, chart_rows)
    spectrogram_rows = max(LEAST_SPECTROGRAM_LINES, min(MOST_SPECTROGRAM_LINES, rest))
    return PaneLayout(chart_rows, spectrogram_rows, gap_rows, has_two_columns)


def _height(column: Sequence[SectionSize], gap_rows: int, chart_rows: int) -> int:
    return sum(size.height(chart_rows) + gap_rows for size in column if size.lines)
