"""Terminal sequences that change only what is not so already: cursor, colours, bold."""

from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

BOLD, DIM, ITALIC = "1", "2", "3"
UNSEEN_ON_BLANKS = {BOLD, DIM, ITALIC}
NO_STYLE = Style.null()
UPPER_HALF, LOWER_HALF = "▀", "▄"


class Look(NamedTuple):
    """How the terminal draws: codes of attributes, of the text's colour and of its background; empty: the default."""

    attributes: frozenset[str] = frozenset()
    color: str = ""
    background: str = ""


PLAIN = Look()


class AnsiWriter:
    """Collects terminal output that begins and ends in the terminal's default style."""

    def __init__(self, color_system: ColorSystem) -> None:
        self._system = color_system
        self._look = PLAIN
        self._at: tuple[int, int] | None = None
        self._pieces: list[str] = []

    def move_to(self, x: int, y: int) -> None:
        """Go on at column `x` of line `y`, counted from 0."""
        if self._at != (x, y):
            ahead = x - self._at[0] if self._at is not None and self._at[1] == y else 0
            self._pieces.append(f"\x1b[{ahead}C" if ahead > 0 else f"\x1b[{y + 1};{x + 1}H")
            self._at = x, y

    def write(self, text: str, style: Style | None) -> None:
        """Draw `text`, which stays within its line."""
        style = style or NO_STYLE
        if style.link:
            self._take(PLAIN)
            self._pieces.append(Strip.render_style(style, text, self._system))
        else:
            text, look = self._cheapest(text, look_of(style, self._system))
            self._take(look)
            self._pieces.append(text)
        if self._at is not None:
            self._at = self._at[0] + cell_len(text), self._at[1]

    def finish(self) -> str:
        """All output; the terminal has its default style again."""
        self._take(PLAIN)
        return "".join(self._pieces)

    def _cheapest(self, text: str, look: Look) -> tuple[str, Look]:
        """The same picture with the least to change: of blanks only the background is seen, half blocks can turn."""
        if text.isspace() and self._look.attributes | look.attributes <= UNSEEN_ON_BLANKS:
            return text, Look(self._look.attributes, self._look.color, look.background)
        if text.startswith(UPPER_HALF) and not text.strip(UPPER_HALF):
            turned = turned_over(look)
            if len(change(self._look, turned)) < len(change(self._look, look)):
                return LOWER_HALF * len(text), turned
        return text, look

    def _take(self, look: Look) -> None:
        if look != self._look:
            self._pieces.append(f"\x1b[{change(self._look, look)}m")
            self._look = look


@lru_cache(maxsize=8192)
def look_of(style: Style, color_system: ColorSystem) -> Look:
    """What `style` is on a terminal with these colours."""
    attributes = _codes(style.without_color, color_system)
    color, background = (
        _codes(Style(color=style.color), color_system),
        _codes(Style(bgcolor=style.bgcolor), color_system),
    )
    return Look(frozenset(attributes.split(";")) if attributes else frozenset(), color, background)


@lru_cache(maxsize=8192)
def turned_over(look: Look) -> Look:
    """The look with the text's colour and the background exchanged; the same look where a colour is the default."""
    rgb = "8;"  # after 3 for a text's colour, 4 for a background: a palette's index or red, green, blue
    if look.color[1:3] != rgb or look.background[1:3] != rgb:
        return look
    return Look(look.attributes, "3" + look.background[1:], "4" + look.color[1:])


def _codes(style: Style, color_system: ColorSystem) -> str:
    return style.render(" ", color_system=color_system).partition(" ")[0].removeprefix("\x1b[").removesuffix("m")


@lru_cache(maxsize=8192)
def change(before: Look, after: Look) -> str:
    """The codes that turn the look `before` into `after`."""
    if after == PLAIN:
        return "0"
    codes = []
    gone, new = before.attributes - after.attributes, after.attributes - before.attributes
    if gone - UNSEEN_ON_BLANKS:
        codes, before = ["0"], PLAIN
        gone, new = frozenset(), after.attributes
    if gone & {BOLD, DIM}:  # one code ends both
        codes.append("22")
        new |= after.attributes & {BOLD, DIM}
    if ITALIC in gone:
        codes.append("23")
    codes += sorted(new)
    if after.color != before.color:
        codes.append(after.color or "39")
    if after.background != before.background:
        codes.append(after.background or "49")
    return ";".join(codes)
