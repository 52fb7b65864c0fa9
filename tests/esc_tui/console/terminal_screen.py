"""What a terminal shows: pyte, a terminal emulator, read cell by cell."""

import re
from functools import lru_cache
from typing import NamedTuple

import pyte
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment


class Cell(NamedTuple):
    """What an eye sees of one cell: a blank has no text colour, and of a half block it is seen which half is which."""

    text: str
    colors: tuple[str, ...]
    attributes: tuple[bool, ...]


class TerminalScreen:
    """A terminal of `width` × `height` cells after the output that it was fed."""

    def __init__(self, width: int, height: int) -> None:
        self._screen = pyte.Screen(width, height)
        self._screen.set_mode(pyte.modes.LNM)
        self._stream = pyte.Stream(self._screen)

    def feed(self, output: str) -> None:
        """Take output; sequences that pyte does not know are left out."""
        self._stream.feed(re.sub(r"\x1b\[[?>=]?[0-9;]*\$?[pu]|\x1b\[[>=<][0-9;]*[a-zA-Z]", "", output))

    def row(self, y: int) -> list[Cell]:
        """The cells of line `y`; the second cell of a wide character is empty."""
        return [_seen(self._screen.buffer[y][x]) for x in range(self._screen.columns)]

    @property
    def lines(self) -> list[str]:
        """The text of each line, without trailing blanks."""
        return ["".join(cell.text for cell in self.row(y)).rstrip() for y in range(self._screen.lines)]

    def number_after(self, label: str) -> str:
        """The first number in the line that has `label`; empty where there is none."""
        for line in self.lines:
            if found := re.search(rf"\b{label}\b\D*?(\d+\.\d+)", line):
                return found[1]
        return ""


@lru_cache(maxsize=4096)
def written_whole(segments: tuple[Segment, ...], width: int, system: ColorSystem = ColorSystem.TRUECOLOR) -> list[Cell]:
    """The cells of one line whose pieces are each sent with all of their style, and at their own place."""
    screen, x = TerminalScreen(width + 1, 1), 0  # a combining sign after the last column would be lost
    for text, style, _ in segments:
        piece = style.render(text, color_system=system) if style else text
        screen.feed(f"\x1b[1;{x + 1}H{piece}")
        x += cell_len(text)
    return screen.row(0)[:width]


def _seen(cell: pyte.screens.Char) -> Cell:
    attributes = (cell.bold, cell.italics, cell.underscore, cell.reverse, cell.strikethrough)
    if cell.data == " " and not any(attributes[2:]):
        return Cell(" ", (cell.bg,), ())
    if cell.data == "▄" and "default" not in (cell.fg, cell.bg):
        return Cell("▀", (cell.bg, cell.fg), attributes)
    return Cell(cell.data, (cell.fg, cell.bg), attributes)
