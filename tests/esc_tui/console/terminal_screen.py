"""As much of a terminal as the console's output needs: text, cursor moves, and no colours."""

import re

TOKENS = re.compile(
    r"\x1b\[(\d+);(\d+)H|\x1b\[(\d+)C|\x1b\[[0-9;?>=$]*[a-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|(\r)|(\n)|([^\x1b\r\n]+)"
)


class TerminalScreen:
    """What a terminal shows after the output that it was fed."""

    def __init__(self, width: int, height: int) -> None:
        self._cells = [[" "] * width for _ in range(height)]
        self._x = self._y = 0

    def feed(self, output: str) -> None:
        """Take whole escape sequences and text; each character is one cell wide."""
        for line, column, ahead, carriage, feed, text in TOKENS.findall(output):
            if line:
                self._y, self._x = int(line) - 1, int(column) - 1
            elif ahead:
                self._x += int(ahead)
            elif carriage or feed:
                self._x, self._y = 0, self._y + (1 if feed else 0)
            for character in text:
                if self._y < len(self._cells) and self._x < len(self._cells[0]):
                    self._cells[self._y][self._x] = character
                self._x += 1

    @property
    def lines(self) -> list[str]:
        """The screen's lines, without trailing blanks."""
        return ["".join(cells).rstrip() for cells in self._cells]

    def number_after(self, label: str) -> str:
        """The first number in the line that has `label`; empty where there is none."""
        for line in self.lines:
            if found := re.search(rf"\b{label}\b\D*?(\d+\.\d+)", line):
                return found[1]
        return ""
