"""Clocks that tests own."""

import threading
import time
from collections.abc import Callable

from net.runtime.clock import Clock


class SteppedClock(Clock):
    """Time passes only in waits, and `on_wait` sees each of them: for one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.on_wait: Callable[[float], None] = lambda _: None

    def monotonic_s(self) -> float:
        return self.now_s

    def epoch_s(self) -> float:
        return self.now_s + 1.7e9

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.now_s += max(0.0, timeout_s)
        self.on_wait(timeout_s)
        return event.is_set()


class FastClock(Clock):
    """Time passes 20 times as fast as it does: for threads that wait for seconds."""

    def monotonic_s(self) -> float:
        return time.monotonic() * 20

    def epoch_s(self) -> float:
        return self.monotonic_s() + 1.7e9

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(max(0.0, timeout_s) / 20)
