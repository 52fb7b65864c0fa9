"""What sections are drawn on: a page with its column grid, and the lines that sections have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style

from esc_tui.console.drawing.chart import BASELINE, bars, resample
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.palette import Palette

LABEL_CELLS, NUMBER_CELLS, NUMBERS, GAP_CELLS = 12, 8, 3, 2
CHART_START = LABEL_CELLS + NUMBERS * NUMBER_CELLS + GAP_CELLS
LEAST_CHART_CELLS = 8
"""Narrower, a chart could not be read."""


@dataclass(frozen=True, slots=True)
class Page:
    """A section's width, its styles, the charts' window and height.

    All sections of a pane share its columns: a label, three numbers, and what is left for a chart.
    """

    width: int
    palette: Palette
    window_s: int = 60
    chart_rows: int = 1

    @property
    def chart_cells(self) -> int:
        """How wide a chart is; 0 where there is no room for one."""
        cells = self.width - CHART_START
        return cells if cells >= LEAST_CHART_CELLS else 0

    def heading(self, name: str, unit: str, columns: Sequence[str], right: str = "") -> Line:
        """A section's first line: its name and unit, the columns' names, what its chart shows."""
        line = Line().add(name, self.palette.heading).space(1).add(unit, self.palette.muted).to(LABEL_CELLS)
        for column in columns:
            line.right(column, NUMBER_CELLS, self.palette.muted)
        if right and self.chart_cells:
            line.to(CHART_START).left(right, self.chart_cells, self.palette.muted)
        return line

    def scale(self, top: float, is_known: bool = True) -> str:
        """What a chart covers: its stretch of time and, once there is something to show, its scale."""
        return f"{self.window_s} s, 0 to {top:g}" if is_known else f"{self.window_s} s"

    def label(self, label: str) -> Line:
        """A line's label, in its column."""
        return Line().left(label, LABEL_CELLS, self.palette.label)

    def text(self, label: str, text: str, style: Style | None = None) -> Line:
        """A label and words, clipped at the page's edge."""
        return self.label(label).left(text, self.width - LABEL_CELLS, style or self.palette.value)

    def numbers(self, label: str, numbers: Sequence[str]) -> Line:
        """A label and its numbers, the first of which is to be read first."""
        line = self.label(label)
        for position, number in enumerate(numbers):
            line.right(number, NUMBER_CELLS, self.palette.value if position else self.palette.strong)
        return line

    def row(self, label: str, numbers: Sequence[str], chart: "Chart | None" = None) -> list[Line]:
        """A label, its numbers and, where there is one, their chart of `chart_rows` lines."""
        line = self.numbers(label, numbers)
        if chart is None or not self.chart_cells:
            return [line]
        lines = [line] + [Line() for _ in range(self.chart_rows - 1)]
        values = resample(chart.values, self.window_s, self.chart_cells, chart.newest_s)
        unknown = next((cell for cell, value in enumerate(values) if not math.isnan(value)), len(values))
        lines[-1].to(CHART_START).add(BASELINE * unknown, self.palette.faint)
        for row, blocks in enumerate(bars(values[unknown:], chart.top, self.chart_rows)):
            # The top line is bright, those below it are muted: what is high catches the eye.
            lines[row].to(CHART_START + unknown).add(blocks, chart.fill if row else chart.style)
        return lines


@dataclass(frozen=True, slots=True)
class Chart:
    """A history to draw: one value a second up to the second `newest_s`, from 0 to `top`."""

    values: tuple[float, ...]
    top: float
    style: Style
    fill: Style
    newest_s: int
