"""What a person asks of a source while it is read: to pause, to be silent, to stop."""

import threading

from net.runtime.clock import Clock
from net.sender.esc_source import EscSource
from net.sender.sources import Source


class SourceControl:
    """Holds what is asked; any thread may ask, and the reading stage waits here while it is paused."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running = threading.Event()
        self._running.set()
        self.stopped = threading.Event()
        """Set when nothing more is to be read."""
        self.muted = False
        """Whether silence is sent instead of the source."""

    @property
    def paused(self) -> bool:
        """Whether reading rests."""
        return not self._running.is_set()

    def set_paused(self, paused: bool) -> None:
        """Let reading rest, or go on."""
        if paused:
            self._running.clear()
        else:
            self._running.set()

    def stop(self) -> None:
        """Have reading end, also when it rests."""
        self.stopped.set()
        self._running.set()

    def await_resume(self, source: Source | EscSource) -> None:
        """Wait while reading rests; what is still to come of `source` is due so much later."""
        if not self.paused:
            return
        paused_s = self._clock.monotonic_s()
        self._running.wait()
        source.delay(self._clock.monotonic_s() - paused_s)
