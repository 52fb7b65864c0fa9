"""Holds a file's sound back to the speed of speech."""

import threading

from net.runtime.clock import Clock


class RealTimePacer:
    """Releases sound when it would have been spoken. Time that passes while paused does not count."""

    def __init__(self, sample_rate: int, clock: Clock) -> None:
        self._sample_rate, self._clock = sample_rate, clock
        self._start_s: float | None = None

    def due_s(self, end_sample: int) -> float:
        """The monotonic time at which the sound up to `end_sample` has been spoken; the first call starts it."""
        if self._start_s is None:
            self._start_s = self._clock.monotonic_s()
        return self._start_s + end_sample / self._sample_rate

    def wait_for(self, end_sample: int, stopping: threading.Event) -> None:
        """Wait until the sound up to `end_sample` has been spoken, or until `stopping`."""
        self._clock.wait(stopping, self.due_s(end_sample) - self._clock.monotonic_s())

    def delay(self, pause_s: float) -> None:
        """Shift everything that is still to come by a pause."""
        if self._start_s is not None:
            self._start_s += pause_s
