"""Pacing: bytes no faster than a rate limit lets them pass."""

import threading

from net.runtime.clock import Clock

SLICE_S = 0.02


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
