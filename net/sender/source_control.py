"""What reading waits for: that a receiver accepts the stream, that a pause ends; and what ends it."""

import threading

from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped
from net.sender.esc_source import EscSource
from net.sender.sources import Source


class SourceControl:
    """Holds what is asked of a source. Any thread may ask; the reading stage waits here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running = threading.Event()
        self._running.set()
        self._accepted_or_stopped = threading.Event()
        self._first_chunk: int | None = None
        self._muted = False
        self.stopped = threading.Event()
        """Set when nothing more is to be read."""

    @property
    def accepted(self) -> bool:
        """Whether a receiver has accepted the stream."""
        return self._first_chunk is not None

    @property
    def paused(self) -> bool:
        """Whether reading is paused."""
        return not self._running.is_set()

    @property
    def muted(self) -> bool:
        """Whether silence is sent instead of the source."""
        return self._muted

    def accept(self, first_chunk: int) -> None:
        """Let reading begin with `first_chunk`; only the first call counts."""
        if self._first_chunk is None:
            self._first_chunk = first_chunk
            self._accepted_or_stopped.set()

    def set_paused(self, paused: bool) -> None:
        """Pause or resume reading."""
        if paused:
            self._running.clear()
        else:
            self._running.set()

    def set_muted(self, muted: bool) -> None:
        """Send silence, or the source again."""
        self._muted = muted

    def stop(self) -> None:
        """End reading and every wait for it."""
        self.stopped.set()
        self._running.set()
        self._accepted_or_stopped.set()

    def await_accepted(self) -> int:
        """Wait until a receiver has accepted; return the first chunk that it wants. Raises `PipelineStopped`."""
        self._accepted_or_stopped.wait()
        if self._first_chunk is None:
            raise PipelineStopped
        return self._first_chunk

    def await_resume(self, source: Source | EscSource) -> None:
        """Wait while reading is paused, and delay what is still to come of `source` by as much."""
        if not self.paused:
            return
        paused_s = self._clock.monotonic_s()
        self._running.wait()
        source.delay(self._clock.monotonic_s() - paused_s)
