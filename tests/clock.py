"""A clock that tests own."""

import threading

from net.runtime.clock import Clock


class FakeClock(Clock):
    """Time stands still, but that each wait passes at once and moves it on by its timeout."""

    def __init__(self, now_s: float = 1000.0) -> None:
        super().__init__()
        self.now_s = now_s
        self._lock = threading.Lock()

    def monotonic_s(self) -> float:
        with self._lock:
            return self.now_s

    def epoch_s(self) -> float:
        return 1_700_000_000.0 + self.monotonic_s()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        if not event.is_set():
            self.advance(max(0.0, timeout_s))
        return event.is_set()

    def advance(self, duration_s: float) -> None:
        with self._lock:
            self.now_s += duration_s
