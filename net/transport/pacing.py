"""Pacing: sound as fast as it would be spoken, bytes as fast as the link is meant to carry them."""

import threading

from net.runtime.clock import Clock

SLICE_S = 0.02


class RealTimePacer:
    """Holds sound back until it would have been spoken. Time that passes while paused does not count."""

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


class TokenBucket:
    """Limits a rate of bytes, smoothly: what is written goes out in slices of 20 ms worth.

    The bucket holds one slice, so a pause buys no burst and the limit holds over every window.
    """

    def __init__(self, rate_bps: int, clock: Clock) -> None:
        self._bytes_per_s = rate_bps / 8
        self._clock = clock
        self._free_s: float | None = None
        self.slice_bytes = max(1, int(self._bytes_per_s * SLICE_S))

    def wait_for(self, size_bytes: int, stopping: threading.Event) -> None:
        """Wait until `size_bytes` (at most a slice) may be written, or until `stopping`."""
        now_s = self._clock.monotonic_s()
        start_s = now_s if self._free_s is None else max(now_s - SLICE_S, self._free_s)
        self._free_s = start_s + size_bytes / self._bytes_per_s
        self._clock.wait(stopping, start_s - now_s)
