"""The base of all instruments: lines drawn by pure functions, of which only what changed is sent to the terminal."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip

from esc_tui.drawing.line import Line
from esc_tui.widgets.inked import Inked


class Canvas(Inked):
    """Shows the lines that `draw` returns. `redraw` repaints the changed part of each changed line, no more.

    Over ssh each cell costs bytes: a full repaint at 8 Hz would send about 100 kB/s, changes alone about a tenth.
    """

    DEFAULT_CSS = """
    Canvas { height: auto; }
    """

    _strips: list[Strip]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._strips = []
        self._drawn_size = Size(0, 0)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines to show in `width` × `height` cells; `height` is 0 where it follows from the lines."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again, and repaint what has changed."""
        if not self.is_mounted or not self.size.width:
            return
        old, new = self._strips, self._paint(self.size)
        if len(old) != len(new) and self.styles.auto_dimensions:
            self._strips = new
            self.refresh(layout=True)
            return
        regions = [Region(start, y, end - start, 1) for y, start, end in _changes(old, new)]
        self._strips = new
        if regions:
            self.refresh(*regions)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        """As many lines as are drawn."""
        return len(self.draw(width, 0))

    def render_line(self, y: int) -> Strip:
        """Line `y` as last drawn."""
        if self._drawn_size != self.size:
            self._strips = self._paint(self.size)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.ground)

    def notify_style_update(self) -> None:
        """Take the new theme's styles."""
        super().notify_style_update()
        self._drawn_size = Size(0, 0)

    def _paint(self, size: Size) -> list[Strip]:
        self._drawn_size = size
        return [line.strip(size.width).apply_style(self.ground) for line in self.draw(size.width, size.height)]


def _changes(old: Sequence[Strip], new: Sequence[Strip]) -> list[tuple[int, int, int]]:
    """The changed lines of a drawing: line, first changed cell, cell after the last changed one."""
    changes = []
    for y, strip in enumerate(new):
        before = list(old[y]) if y < len(old) else []
        after = list(strip)
        if before == after:
            continue
        start = _equal_cells(before, after)
        end = strip.cell_length - _equal_cells(before[::-1], after[::-1])
        changes.append((y, start, max(end, start + 1)))
    changes.extend((y, 0, old[y].cell_length) for y in range(len(new), len(old)))
    return changes


def _equal_cells(before: list[Segment], after: list[Segment]) -> int:
    cells = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        cells += one.cell_length
    return cells
