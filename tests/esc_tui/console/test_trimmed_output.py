"""What the console sends to a terminal."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from textual._compositor import CompositorUpdate
from textual.screen import Screen

import esc_tui.console.app
from esc_tui.console.app import ConsoleApp
from net.telemetry.stats import Role
from tests.esc_tui.console.fake_engine import FakeEngine
from tests.esc_tui.console.terminal_screen import TerminalScreen
from tests.esc_tui.console.waiting import shown, until

WIDTH, HEIGHT = 120, 40
REFRESH_HZ = 8
BUDGET_BYTES_A_SECOND = 20_000


class CountingApp(ConsoleApp):
    """Counts the bytes that it would send to a terminal with 16 million colours."""

    CSS_PATH = Path(esc_tui.console.app.__file__).with_name("console.tcss")

    def __init__(self, engines: list[FakeEngine]) -> None:
        super().__init__(engines, title="demo · loopback", refresh_hz=0.01)
        self.terminal = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
        self.sent_bytes = 0

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            self.sent_bytes += len(renderable.render_segments(self.terminal).encode())
        super()._display(screen, renderable)


@pytest.mark.parametrize(
    ("size", "budget"), [((80, 24), 2_000), ((120, 40), 12_000), ((200, 60), BUDGET_BYTES_A_SECOND)], ids=str
)
async def test_output_over_ssh_stays_small(size: tuple[int, int], budget: int) -> None:
    """Three seconds of a stream at 8 Hz cost so many bytes a second, at most 20 kB, whatever the size."""
    engines = [FakeEngine(Role.SENDER, 20.0), FakeEngine(Role.RECEIVER, 20.0)]
    app = CountingApp(engines)
    async with app.run_test(size=size) as pilot:
        await shown(app, pilot)
        screen, frames = app._console, 3 * REFRESH_HZ
        before = app.sent_bytes
        for _ in range(frames):
            for engine in engines:
                engine.still_s += 1 / REFRESH_HZ
            published = screen.publisher.read()
            screen.post_message(published)
            await until(pilot, lambda view=published.view: screen.view is view)  # type: ignore[misc]
            screen._on_timer_update()
        assert 0 < (app.sent_bytes - before) * REFRESH_HZ / frames <= budget


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
