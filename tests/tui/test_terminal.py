"""The console on a real terminal: a pseudo-terminal and a process."""

import fcntl
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

from tests.tui.terminal_screen import TerminalScreen

WIDTH, HEIGHT = 120, 40
BUDGET_BYTES_A_SECOND = 20_000
MEASURED_S = 4.0


@contextmanager
def console() -> Iterator[int]:
    """A console with running numbers on a pseudo-terminal; yields its other end."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "tests.tui.live_console"]
    child = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    try:
        yield terminal
    finally:
        child.kill()
        child.wait()
        os.close(terminal)


def read_for(terminal: int, duration_s: float) -> bytes:
    """All output of the next `duration_s`."""
    output, end_s = b"", time.monotonic() + duration_s
    while (left_s := end_s - time.monotonic()) > 0:
        if select.select([terminal], [], [], left_s)[0]:
            output += os.read(terminal, 65536)
    return output


def test_output_over_ssh_stays_small_and_draws_the_screen() -> None:
    """At 8 Hz, two panes cost at most 20 kB/s, and what is left out was on the screen already."""
    screen, output = TerminalScreen(WIDTH, HEIGHT), b""
    with console() as terminal:
        for _ in range(60):
            output += read_for(terminal, 0.5)
            if b"EVENTS" in output and b"SOUND" in output:
                break
        output += read_for(terminal, 2.0)
        screen.feed(output.decode(errors="ignore"))
        first = screen.number_after("payload")
        measured = read_for(terminal, MEASURED_S)
        screen.feed(measured.decode(errors="ignore"))
    assert len(measured) / MEASURED_S <= BUDGET_BYTES_A_SECOND
    assert first
    assert screen.number_after("payload") not in ("", first)
    assert screen.lines[1].count("● streaming") == 2
    assert screen.lines[-1].startswith(" q quit")
