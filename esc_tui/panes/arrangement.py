"""How a pane uses its room: a pure function of its size and of how much there is to show."""

from dataclasses import dataclass

WIDE_CELLS = 110
"""From here on a pane has two columns."""
LEAST_PICTURE_LINES = 4
MOST_PICTURE_LINES = 12
GOOD_PICTURE_LINES = 8
MOST_CHART_LINES = 3


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Lines a chart and the spectrogram take, blank lines between sections, and whether there are two columns."""

    chart_rows: int = 1
    picture_rows: int = LEAST_PICTURE_LINES
    gap_rows: int = 0
    has_two_columns: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What a column must hold: lines without charts' growth and without the picture, charts, sections."""

    lines: int
    charts: int
    sections: int


def arrange(width: int, height: int, left: Needs, right: Needs, *, has_picture: bool = True) -> Arrangement:
    """Spend `height` lines on what `left` and `right` need, under each other or, from 110 cells on, side by side.

    The picture of the sound stands in the right column. Where there is room to spare, sections are set apart first,
    then charts grow, then the picture; where there is too little, the pane scrolls.
    """
    if width < WIDE_CELLS:
        whole = Needs(left.lines + right.lines, left.charts + right.charts, left.sections + right.sections)
        return _spend(height, whole, whole, has_two_columns=False, has_picture=has_picture)
    return _spend(height, left, right, has_two_columns=True, has_picture=has_picture)


def _spend(height: int, left: Needs, right: Needs, *, has_two_columns: bool, has_picture: bool) -> Arrangement:
    good_picture = GOOD_PICTURE_LINES if has_picture else 0
    spare_right = height - right.lines
    spare_left = height - left.lines if has_two_columns else spare_right
    gap_rows = int(spare_right >= good_picture + right.sections and spare_left >= left.sections)
    spare_right -= gap_rows * right.sections
    spare_left -= gap_rows * left.sections
    chart_rows = 1
    while (
        chart_rows < MOST_CHART_LINES and spare_right - right.charts >= good_picture and spare_left - left.charts >= 0
    ):
        chart_rows += 1
        spare_right -= right.charts
        spare_left -= left.charts
    picture = max(LEAST_PICTURE_LINES, min(MOST_PICTURE_LINES, spare_right))
    return Arrangement(chart_rows, picture, gap_rows, has_two_columns)
