"""Runs engines or a batch without the console, to their end or to Ctrl-C."""

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from esc_tui.errors import ExitCode, print_message
from esc_tui.terminal import discard, ending_signals, quiet_libraries, terminal_descriptors
from net.engine import Engine
from net.runtime.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from esc_tui.batch.runner import Batch

STOP_DEADLINE_S = 5.0


class Output(ABC):
    """Shows work until `close`, and then its results."""

    @abstractmethod
    def show(self) -> None:
        """Show the work as it is now."""

    def close(self) -> None:  # noqa: B027 - lines of JSON need no end
        """End what is shown while the work runs."""

    @abstractmethod
    def exit_code(self) -> ExitCode:
        """Return the exit code of work that was not interrupted."""

    @abstractmethod
    def finish(self, code: ExitCode) -> None:
        """Print results and errors."""


class Interrupts:
    """Counts Ctrl-C, SIGTERM and SIGHUP, after which the terminal is written to no more."""

    def __init__(self) -> None:
        self.count = 0
        self.hung_up = False
        self.changed = threading.Event()
        self._terminal = terminal_descriptors()

    def add(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if number == signal.SIGHUP:
            discard(self._terminal)
            self.hung_up = True
        self.count += 1
        self.changed.set()


@contextmanager
def counted_interrupts() -> Iterator[Interrupts]:
    """Count Ctrl-C, SIGTERM and SIGHUP while the body runs, which they do not end."""
    interrupts = Interrupts()
    previous = {number: signal.signal(number, interrupts.add) for number in (signal.SIGINT, *ending_signals())}
    try:
        yield interrupts
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def run_plain(works: "Sequence[Engine | Batch]", output: Output, interval_s: float, *, signals_to_end: int) -> ExitCode:
    """Run works to their end, shown every `interval_s`; return the exit code.

    The first signal asks for an end in order, and signal number `signals_to_end` ends at once.
    """
    with quiet_libraries(), counted_interrupts() as interrupts, closing(output):
        try:
            for work in reversed(works):  # a demo's receiver listens before its sender connects
                work.start()
            while (running := [work for work in works if not work.wait(0)]) and interrupts.count < signals_to_end:
                SYSTEM_CLOCK.wait(interrupts.changed, interval_s)
                interrupts.changed.clear()
                if interrupts.count:
                    running[0].request_stop()  # the sender first: what it has read needs a receiver that listens
                _show(output, interrupts)
        finally:
            survivors = [name for work in works for name in work.stop(STOP_DEADLINE_S)]
            _show(output, interrupts)
    code = ExitCode.INTERRUPTED if interrupts.count else output.exit_code()
    output.finish(code)
    print_survivors(survivors)
    return code


def _show(output: Output, interrupts: Interrupts) -> None:
    try:
        output.show()
    except OSError:
        if not interrupts.hung_up:  # else it was about to be printed on the terminal when that went
            raise


def print_survivors(names: Sequence[str]) -> None:
    """Print which threads outlived their stop."""
    for name in names:
        print_message(f"thread {name} did not end in {STOP_DEADLINE_S:g} s")
