"""The terminal of the console: whether there is one, its signals, and keeping other writers out of it."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LAST_LINES_S = 1.0
"""Limit for logging the last lines: a library may have kept a copy of the descriptor."""

logger = logging.getLogger(__name__)


def in_terminal() -> bool:
    """Return whether a person is at both ends: the console reads standard input and draws on standard error.

    In a browser, Textual's own driver, which its server names in the environment, takes the terminal's place.
    """
    if os.environ.get("TEXTUAL_DRIVER"):
        return True
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def on_termination(act: Callable[[], object]) -> None:
    """Call `act` in the running event loop at SIGTERM, which would leave the terminal as the console has it."""
    import asyncio  # noqa: PLC0415 - the help would wait for it

    with suppress(RuntimeError, ValueError):  # outside the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, act)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Log what C libraries print to file descriptor 2, while this program prints through a copy of it.

    PortAudio and ALSA print there whenever a device is lost, libmpg123 whenever an MP3 file is odd.
    """
    terminal = os.dup(2)
    read_end, write_end = os.pipe()
    reader = threading.Thread(target=_log_lines, args=(read_end,), name="library-output", daemon=True)
    before, own_before = sys.__stderr__, sys.stderr
    with open(terminal, "w", encoding="utf-8", errors="backslashreplace", buffering=1) as copy:
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
