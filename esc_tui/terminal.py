"""The terminal of the console: whether there is one, its signals, and keeping other writers out of it."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


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
    """Discard what C libraries print while the console draws through a copy of the terminal's descriptor.

    PortAudio and ALSA print to file descriptor 2 whenever a device is lost.
    """
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    before = sys.__stderr__
    with open(terminal, "w", encoding="utf-8", buffering=1) as copy:
        try:
            sys.__stderr__ = copy  # type: ignore[misc]  # Textual draws to it
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(terminal, 2)
            sys.__stderr__ = before  # type: ignore[misc]
            os.close(nowhere)
