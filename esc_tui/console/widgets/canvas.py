"""The base of most widgets: lines drawn by pure functions, of which only what changed is sent to the terminal."""

from collections.abc import Sequence
from typing import Self

from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip

from esc_tui.console.drawing.line import Line
from esc_tui.console.widgets.themed import Themed

WORTH_A_JUMP_CELLS = 4
"""So many unchanged cells cost as many bytes as moving the cursor over them."""

Cell = tuple[str, Style | None, int]
"""A cell's character and style; of text that changes as a whole, that text and the cell's number in it."""


class Canvas(Themed):
    """Shows the lines that `draw` returns. A refresh repaints the changed part of each changed line, no more.

    So reactives need no watchers: what they change is drawn anew, and what they leave as it was costs nothing.
    """

    DEFAULT_CSS = """
    Canvas { height: auto; }
    """

    auto_links = reactive(False)
    """What is clicked looks as the rest."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._drawn_size = Size(0, 0)

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines to show in `width` × `height` cells; `height` is 0 where it follows from the lines."""
        raise NotImplementedError

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Draw again, and repaint what has changed; with arguments, as Textual does."""
        if regions or layout or recompose or not repaint or not self.is_mounted or not self.size.width:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        before = self._strips
        self._paint(self.size)
        if len(before) != len(self._strips) and self.styles.auto_dimensions:
            return super().refresh(layout=True)
        changed = [Region(start, y, end - start, 1) for y, start, end in _changes(before, self._strips)]
        return super().refresh(*changed) if changed else self

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        """As many lines as are drawn."""
        return len(self.draw(width, 0))

    def render_line(self, y: int) -> Strip:
        """Line `y` as last drawn."""
        if self._drawn_size != self.size:
            self._paint(self.size)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.ground)

    def notify_style_update(self) -> None:
        """Draw anew in the new theme's styles."""
        super().notify_style_update()
        self._drawn_size = Size(0, 0)

    def _paint(self, size: Size) -> None:
        """Draw, and make strips of the lines that are not as they were."""
        is_new = self._drawn_size != size
        old_lines, old_strips = ([], []) if is_new else (self._lines, self._strips)
        self._drawn_size = size
        self._lines = list(self.draw(size.width, size.height))
        self._strips = [
            old_strips[y]
            if y < len(old_lines) and line.segments == old_lines[y].segments
            else line.strip(size.width).apply_style(self.ground)
            for y, line in enumerate(self._lines)
        ]


def _changes(old: Sequence[Strip], new: Sequence[Strip]) -> list[tuple[int, int, int]]:
    """The changed stretches of a drawing: line, first changed cell, cell after the last changed one."""
    changes = []
    for y, strip in enumerate(new):
        before = old[y] if y < len(old) else Strip([])
        if before is not strip:
            changes += [(y, start, end) for start, end in _changed_stretches(_cells(before), _cells(strip))]
    changes.extend((y, 0, old[y].cell_length) for y in range(len(new), len(old)))
    return changes


def _cells(strip: Strip) -> list[Cell]:
    """What stands in each cell. Text of other than one cell a character changes as a whole."""
    cells: list[Cell] = []
    for text, style, _ in strip:
        width = cell_len(text)
        if width == len(text):
            cells += [(character, style, 0) for character in text]
        else:
            cells += [(text, style, at) for at in range(width)]
    return cells


def _changed_stretches(before: Sequence[Cell], after: Sequence[Cell]) -> list[tuple[int, int]]:
    """Where two lines differ; stretches that lie close together count as one."""
    stretches: list[tuple[int, int]] = []
    for cell, content in enumerate(after):
        if cell < len(before) and before[cell] == content:
            continue
        if stretches and cell - stretches[-1][1] < WORTH_A_JUMP_CELLS:
            stretches[-1] = (stretches[-1][0], cell + 1)
        else:
            stretches.append((cell, cell + 1))
    return stretches
