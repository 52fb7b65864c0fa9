"""What reading waits for: a receiver that accepts, the end of a pause, the time to speak; and what ends it."""

import threading

from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped


class SourceControl:
    """Holds what is asked of a source. Any thread may ask; the reading stage waits here.

    In `realtime` a file is read no faster than it would be spoken; time that passes while paused does not count.
    """

    def __init__(self, clock: Clock, *, realtime: bool = False) -> None:
        self._clock, self._realtime = clock, realtime
        self._start_s: float | None = None
        self._running = threading.Event()
        self._running.set()
        self._accepted_or_stopped = threading.Event()
        self._first_chunk: int | None = None
        self.muted = False
        """Whether silence is sent instead of the source."""
        self.bypassed = False
        """Whether sound is sent as it is, though it could be enhanced."""
        self.error: BaseException | None = None
        """What ended reading or encoding before the sound's end."""
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

    def accept(self, first_chunk: int) -> None:
        """Begin reading, with `first_chunk`; only the first call counts."""
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
        self.muted = muted

    def set_bypassed(self, bypassed: bool) -> None:
        """Send sound as it is, or enhanced again."""
        self.bypassed = bypassed

    def stop(self) -> None:
        """End reading and every wait for it."""
        self.stopped.set()
        self._running.set()
        self._accepted_or_stopped.set()

    def fail(self, error: BaseException) -> None:
        """End reading because of an error, of which the first counts; what was read before is still sent."""
        self.error = self.error or error
        self.stop()

    def await_accepted(self) -> int:
        """Wait until a receiver has accepted; return the first chunk that it wants. Raises `PipelineStopped`."""
        self._accepted_or_stopped.wait()
        if self._first_chunk is None:
            raise PipelineStopped
        return self._first_chunk

    def await_turn(self, end_s: float) -> None:
        """Wait while paused and, in real time, until the sound up to `end_s` is spoken; the first call starts it."""
        if self._start_s is None:
            self._start_s = self._clock.monotonic_s()
        if self.paused:
            paused_s = self._clock.monotonic_s()
            self._running.wait()
            self._start_s += self._clock.monotonic_s() - paused_s
        if self._realtime:
            self._clock.wait(self.stopped, self._start_s + end_s - self._clock.monotonic_s())
