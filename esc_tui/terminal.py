"""The terminal and the standard streams of this process: what they can do, their signals, who may write to them."""

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

DUMB_TERMINALS = ("dumb", "unknown")
"""Values of `TERM` for terminals without a movable cursor, such as Emacs' shell."""
INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, whose module imports click."""
STANDARD_STREAMS = {0: ("stdin", "r"), 1: ("stdout", "w"), 2: ("stderr", "w")}

LAST_LINES_S = 1.0
"""Limit for logging the last lines: a library may have kept a copy of the descriptor."""

logger = logging.getLogger(__name__)


def in_terminal() -> bool:
    """Return whether a person is at both ends: the console reads standard input and draws on standard error.

    In a browser, Textual's own driver, which its server names in the environment, takes the terminal's place.
    """
    if os.environ.get("TEXTUAL_DRIVER"):
        return True
    if os.environ.get("TERM", "").lower() in DUMB_TERMINALS:
        return False
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def open_closed_streams() -> None:
    """Open `/dev/null` in place of standard streams that were closed: a socket or a file would take their numbers."""
    for number, (name, mode) in STANDARD_STREAMS.items():
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def print_on_standard_error() -> None:
    """Have all that is printed on standard output, by whatever library, go to standard error from now on."""
    sys.stdout.flush()
    os.dup2(2, 1)


def exit_on_interrupt() -> None:
    """End the process at Ctrl-C, at once and in silence, until engines or the console take the signal over.

    An exception that is raised into the import of a C library ends in a traceback or a crash. A parent that ignores
    the signal, as shells do for background jobs, goes on doing so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit_interrupted)


def _exit_interrupted(_signal: int, _frame: FrameType | None) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # it may be half-way through a line, or broken
            stream.flush()
    os._exit(INTERRUPTED)


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals besides Ctrl-C that ask for an end in order; not SIGHUP where `nohup` has it ignored."""
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGTERM, *hangup)


def terminal_descriptors() -> tuple[int, ...]:
    """Return which of the standard streams' descriptors, and of the console's, are a terminal now."""
    console = () if sys.__stderr__ is None else (sys.__stderr__.fileno(),)
    return tuple(number for number in {*STANDARD_STREAMS, *console} if os.isatty(number))


def discard(descriptors: Iterable[int]) -> None:
    """Redirect descriptors to `/dev/null`: after SIGHUP each write to their terminal would be an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def on_termination(act: Callable[[], object]) -> None:
    """Call `act` in the running event loop at SIGTERM and SIGHUP, which would leave what runs without an end."""
    import asyncio  # noqa: PLC0415 - the help would wait for it

    terminal = terminal_descriptors()

    def handle(number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            discard(terminal)
        act()

    with suppress(RuntimeError, ValueError):  # outside the main thread
        for number in ending_signals():
            asyncio.get_running_loop().add_signal_handler(number, handle, number)


class TerminalText(io.TextIOWrapper):
    """Text for a terminal that may hang up: what is written to it then is discarded, as from SIGHUP on.

    Textual's writing thread may be faster than the signal; an error would end that thread, and the console wait for it.
    """

    def write(self, text: str) -> int:
        """Write text; return its length."""
        try:
            return super().write(text)
        except OSError:
            discard((self.fileno(),))
            return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        try:
            super().flush()
        except OSError:
            discard((self.fileno(),))
            super().flush()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Log what C libraries print to file descriptor 2, while this program prints through a copy of it.

    PortAudio and ALSA print there whenever a device is lost, libmpg123 whenever an MP3 file is odd.
    """
    terminal = os.dup(2)
    read_end, write_end = os.pipe()
    reader = threading.Thread(target=_log_lines, args=(read_end,), name="library-output", daemon=True)
    before, own_before = sys.__stderr__, sys.stderr
    raw = open(terminal, "wb")  # noqa: SIM115 - closed with the text
    with TerminalText(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True) as copy:
        try:
            sys.__stderr__ = copy  # type: ignore[misc]  # Textual draws to it
            if own_before is before:
                sys.stderr = copy
            os.dup2(write_end, 2)
            os.close(write_end)
            reader.start()
            yield
        finally:
            os.dup2(terminal, 2)  # the last writer is gone, which ends the reader
            sys.__stderr__, sys.stderr = before, own_before  # type: ignore[misc]
            reader.join(LAST_LINES_S)


def _log_lines(descriptor: int) -> None:
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            logger.info("%s", line.rstrip())
