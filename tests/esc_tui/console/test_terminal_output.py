"""What the console sends to a terminal: all of what has changed, and little else."""

import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import CompositorUpdate
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

import esc_tui.console.app
from esc_tui.console.app import ConsoleApp
from esc_tui.console.trimmed_output import TrimmedUpdate
from esc_tui.console.widgets import spectrogram
from net.telemetry.stats import Role
from tests.esc_tui.console.fake_engine import FakeEngine, receiver_stats, sender_stats
from tests.esc_tui.console.terminal_screen import TerminalScreen, written_whole
from tests.esc_tui.console.waiting import shown, until

WIDTH, HEIGHT = 120, 40
REFRESH_HZ = 8


@pytest.fixture(autouse=True)
def _many_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sound is drawn in colours, which cost more bytes than shades do."""
    monkeypatch.setattr(spectrogram, "FEW_COLORS", ())


class EmulatedApp(ConsoleApp):
    """Draws on an emulated terminal with 16 million colours, and counts the bytes that it sends."""

    CSS_PATH = Path(esc_tui.console.app.__file__).with_name("console.tcss")

    def __init__(self, engines: Sequence[FakeEngine], size: tuple[int, int]) -> None:
        super().__init__(engines, title="demo · loopback", refresh_hz=0.01)
        self.terminal = TerminalScreen(*size)
        self.sent_bytes = 0
        self._colors = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            output = renderable.render_segments(self._colors)
            self.sent_bytes += len(output.encode())
            self.terminal.feed(output)
        super()._display(screen, renderable)

    async def publish(self, pilot: Pilot[None]) -> None:
        """Show the engines as they are now."""
        before = self._console.view
        self._console.publisher.publish()
        await until(pilot, lambda: self._console.view is not before)
        self._console._on_timer_update()

    def wrong_lines(self) -> list[tuple[str, str]]:
        """What the terminal shows and what it should, of each line in which a cell differs."""
        strips = self._console._compositor.render_strips()
        expected = [written_whole(tuple(strip), strip.cell_length) for strip in strips]
        rows = [self.terminal.row(y) for y in range(len(strips))]
        differing = [y for y, cells in enumerate(expected) if rows[y] != cells]
        return [(self.terminal.lines[y], strips[y].text) for y in differing]


@asynccontextmanager
async def emulated(
    engines: Sequence[FakeEngine], size: tuple[int, int]
) -> AsyncIterator[tuple[EmulatedApp, Pilot[None]]]:
    app = EmulatedApp(engines, size)
    async with app.run_test(size=size) as pilot:
        await shown(app, pilot)
        yield app, pilot


def both() -> list[FakeEngine]:
    return [FakeEngine(Role.SENDER, 20.0), FakeEngine(Role.RECEIVER, 20.0)]


@pytest.mark.parametrize(
    ("size", "budget"), [((80, 24), 2_000), ((120, 40), 14_000), ((200, 60), 20_000)], ids=["80x24", "120x40", "200x60"]
)
async def test_output_over_ssh_stays_small(size: tuple[int, int], budget: int) -> None:
    """Three seconds of a stream at 8 Hz cost so many bytes a second, at most 20 kB, whatever the size."""
    engines = both()
    async with emulated(engines, size) as (app, pilot):
        frames, before = 3 * REFRESH_HZ, app.sent_bytes
        for _ in range(frames):
            for engine in engines:
                engine.still_s += 1 / REFRESH_HZ
            await app.publish(pilot)
        assert 0 < (app.sent_bytes - before) * REFRESH_HZ / frames <= budget
        assert app.wrong_lines() == []


NAMES = {
    "narrow": "kerstin.flac",
    "wide": "漢字の話.flac",
    "mixed": "a漢b字c.flac",
    "combining": "e\u0301te\u0301 n\u0303.flac",
    "right-to-left": "שלום عربي.flac",
    "symbols": "─▀▄█→.flac",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
async def test_a_terminal_shows_the_cells_of_the_app(name: str) -> None:
    """Cell by cell, whatever the script of a name, when words beside it change, move, and when it goes itself."""
    engines = both()
    peers = ["localhost:8888", "127.0.0.1:8888", "…", name, "127.0.0.1:1", "字.example:1"]
    sources = [name, name, f"x{name}", f"漢{name}", "kerstin.flac"]
    async with emulated(engines, (WIDTH, HEIGHT)) as (app, pilot):
        for number in range(2 * len(peers)):
            source, peer = sources[number % len(sources)], peers[number % len(peers)]
            t_s = 20.0 + number / REFRESH_HZ
            engines[0].streams = (replace(sender_stats(t_s), source=source, peer=peer),)
            engines[1].streams = (replace(receiver_stats(t_s), source=source, peer=peer),)
            engines[0].say(f"{source} → {peer}")
            await app.publish(pilot)
            await pilot.pause()
            app._console._on_timer_update()
            assert app.wrong_lines() == []


COLORS = st.sampled_from([None, "default", "red", "bright_blue", "#0e1318", "#5cb3ff", "#f0b440"])
FLAGS = st.fixed_dictionaries({name: st.booleans() for name in ("bold", "dim", "italic", "underline", "reverse")})
STYLES = st.builds(lambda color, ground, flags: Style(color=color, bgcolor=ground, **flags), COLORS, COLORS, FLAGS)
TEXTS = st.sampled_from([" ", "   ", "▀", "▀▀", "▄", "12.5", "ab ", "漢", "e\u0301", "ש"])
SEGMENTS = st.builds(Segment, TEXTS, STYLES, st.none())


@given(st.lists(SEGMENTS, min_size=1, max_size=8), st.sampled_from(list(ColorSystem)[:3]))
def test_what_is_not_sent_is_not_missed(segments: list[Segment], system: ColorSystem) -> None:
    """Every cell looks as if each style had been sent whole, and the terminal is left in its default style."""
    strip = Strip(segments)
    width = strip.cell_length
    console = Console(color_system={"standard": "standard", "eight_bit": "256"}.get(system.name.lower(), "truecolor"))
    update = TrimmedUpdate([{0: strip}], [(0, 0, width)], [[width]])
    screen = TerminalScreen(width + 1, 1)
    screen.feed(f"{update.render_segments(console)}\x1b[1;{width + 1}Hx")
    *cells, after = screen.row(0)
    assert cells == written_whole(tuple(segments), width, system)
    assert after == written_whole((Segment("x"),), 1)[0]


def test_what_is_already_so_is_not_sent() -> None:
    """The same style and a blank's colour cost no bytes."""
    styles = (Style.parse(text) for text in ("#112233 on #000000", "#445566 on #000000", "bold #112233 on #000000"))
    strip = Strip([Segment(text, style) for text, style in zip(("ab", "  ", "c"), styles, strict=True)])
    update = TrimmedUpdate([{}, {2: strip}], [(1, 3, 7)], [[], [7]])
    output = update.render_segments(Console(color_system="truecolor"))
    assert output == "\x1b[2;4H\x1b[38;2;17;34;51;48;2;0;0;0mb  \x1b[1mc\x1b[0m"


@contextmanager
def console() -> Iterator[int]:
    """A console with running numbers on a pseudo-terminal; yields its other end."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "tests.esc_tui.console.live_console"]
    child = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    try:
        yield terminal
    finally:
        child.kill()
        child.wait()
        os.close(terminal)


def read_some(terminal: int, within_s: float) -> str:
    """The output that comes next."""
    ready = select.select([terminal], [], [], within_s)[0]
    return os.read(terminal, 65536).decode(errors="ignore") if ready else ""


def test_what_changes_is_drawn_over_what_was_there() -> None:
    """On a real terminal the numbers change, and what is not sent again was on the screen already."""
    screen, output, numbers = TerminalScreen(WIDTH, HEIGHT), "", set[str]()
    deadline_s = time.monotonic() + 40.0
    with console() as terminal:
        while len(numbers) < 3:
            assert time.monotonic() < deadline_s, "\n".join(screen.lines)
            output += read_some(terminal, 0.2)
            whole, escape, rest = output.rpartition("\x1b")  # the last sequence may not have come whole
            screen.feed(whole)
            output = escape + rest
            if screen.lines[-1].startswith(" q quit"):
                numbers.add(screen.number_after("payload"))
    assert screen.lines[1].count("● streaming") == 2
