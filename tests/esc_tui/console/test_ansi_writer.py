"""What the pen saves is never missed: a terminal shows the same cells in the same colours."""

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.style import Style

from esc_tui.console.ansi_writer import AnsiWriter

Cell = tuple[str, frozenset[str], str, str]
COLORS = st.sampled_from([None, "default", "red", "bright_blue", "#0e1318", "#5cb3ff", "#f0b440"])
FLAGS = st.fixed_dictionaries({name: st.booleans() for name in ("bold", "dim", "italic", "underline", "reverse")})
STYLES = st.builds(lambda color, ground, flags: Style(color=color, bgcolor=ground, **flags), COLORS, COLORS, FLAGS)
TEXTS = st.sampled_from(["", " ", "   ", "▀", "▀▀", "▄", "12.5", "ab ", "漢"])
ENDED_BY = {"22": {"1", "2"}, "23": {"3"}}


def drawn(output: str) -> list[Cell]:
    """Each character with the attributes, colour and background that it has on a terminal; ends in the default."""
    cells: list[Cell] = []
    attributes, color, ground = set[str](), "", ""
    for codes, text in re.findall(r"\x1b\[([0-9;]*)m|([^\x1b])", output):
        if text:
            cells.append((text, frozenset(attributes), color, ground))
            continue
        for code in re.findall(r"[34]8;2;\d+;\d+;\d+|[34]8;5;\d+|\d+", codes):
            if code == "0":
                attributes, color, ground = set(), "", ""
            elif code in ENDED_BY:
                attributes -= ENDED_BY[code]
            elif code[0] in "39" and len(code) > 1:
                color = "" if code == "39" else code
            elif code[0] in "41" and len(code) > 1:
                ground = "" if code == "49" else code
            else:
                attributes.add(code)
    assert (attributes, color, ground) == (set(), "", "")
    return cells


def seen(cells: list[Cell]) -> list[object]:
    """What an eye sees of them: no colour of a blank, and of a half block which half is which."""
    looks: list[object] = []
    for text, attributes, color, ground in cells:
        if text == " " and attributes <= {"1", "2", "3"}:
            looks.append((" ", ground))
        elif text in "▀▄" and "" not in (color[:3] == "38;", ground[:3] == "48;"):
            upper, lower = (color, ground) if text == "▀" else (ground, color)
            looks.append(("halves", attributes, upper[1:], lower[1:]))
        else:
            looks.append((text, attributes, color, ground))
    return looks


@given(st.lists(st.tuples(TEXTS, STYLES), max_size=8), st.sampled_from(list(ColorSystem)[:3]))
def test_a_terminal_shows_what_was_written(pieces: list[tuple[str, Style]], system: ColorSystem) -> None:
    """Every cell looks as if its style had been sent whole."""
    pen = AnsiWriter(system)
    whole = ""
    for text, style in pieces:
        pen.write(text, style)
        whole += style.render(text, color_system=system)
    assert seen(drawn(pen.finish())) == seen(drawn(whole))


def test_what_is_already_so_is_not_sent() -> None:
    """The same style, the same place, a blank's colour: no bytes."""
    pen = AnsiWriter(ColorSystem.TRUECOLOR)
    pen.move_to(4, 2)
    pen.write("ab", Style.parse("#112233 on #000000"))
    pen.move_to(6, 2)
    pen.write("  ", Style.parse("#445566 on #000000"))
    pen.move_to(10, 2)
    pen.write("c", Style.parse("bold #112233 on #000000"))
    assert pen.finish() == "\x1b[3;5H\x1b[38;2;17;34;51;48;2;0;0;0mab  \x1b[2C\x1b[1mc\x1b[0m"
