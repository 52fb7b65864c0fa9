"""One line of a drawing: styled text put together from left to right."""

from typing import Self

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

ELLIPSIS = "…"


def clip(text: str, cells: int) -> str:
    """Shorten `text` to `cells` terminal cells; an ellipsis stands for what was cut."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1) + ELLIPSIS if cells > 0 else ""


def clip_start(text: str, cells: int) -> str:
    """Shorten `text` to `cells` terminal cells from its start: of a path, the end matters."""
    if cell_len(text) <= cells:
        return text
    while cell_len(text) > cells - 1:
        text = text[1:]
    return ELLIPSIS + text


class Line:
    """A line of styled text that grows to the right."""

    __slots__ = ("cells", "segments")

    def __init__(self, segments: list[Segment] | None = None) -> None:
        self.segments = segments or []
        """The pieces so far."""
        self.cells = sum(segment.cell_length for segment in self.segments)
        """Width so far, in terminal cells."""

    def add(self, text: str, style: Style) -> Self:
        """Append `text`."""
        if text:
            self.segments.append(Segment(text, style))
            self.cells += cell_len(text)
        return self

    def left(self, text: str, cells: int, style: Style) -> Self:
        """Append `text` in a column of `cells`, at its left edge, clipped where it is too long."""
        return self.add(set_cell_size(clip(text, cells), cells), style)

    def right(self, text: str, cells: int, style: Style) -> Self:
        """Append `text` in a column of `cells`, at its right edge, clipped where it is too long."""
        text = clip(text, cells)
        return self.space(cells - cell_len(text)).add(text, style)

    def space(self, cells: int) -> Self:
        """Append blank cells."""
        return self.add(" " * max(0, cells), Style.null())

    def to(self, column: int) -> Self:
        """Append blank cells up to `column`."""
        return self.space(column - self.cells)

    def extend(self, other: "Line") -> Self:
        """Append all of another line."""
        self.segments.extend(other.segments)
        self.cells += other.cells
        return self

    def clickable(self, action: str) -> Self:
        """Run a Textual action when a part of what stands here so far is clicked."""
        self.segments = list(Segment.apply_style(self.segments, post_style=Style(meta={"@click": action})))
        return self

    def strip(self, width: int) -> Strip:
        """The line as a strip of exactly `width` cells."""
        return Strip(self.segments, self.cells).adjust_cell_length(width)

    @property
    def text(self) -> str:
        """The line without its styles."""
        return "".join(segment.text for segment in self.segments)
