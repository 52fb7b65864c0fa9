"""The clock: whatever reads the time or waits takes a `Clock`, so that tests can replace it."""

import threading
import time


class Clock:
    """The machine's clock. Its epoch time is read once and then advances with the monotonic clock."""

    def __init__(self) -> None:
        self._epoch_at_zero_s = time.time() - time.monotonic()

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic()

    def epoch_s(self) -> float:
        """Seconds since 1970-01-01 UTC; never goes back while the process lives."""
        return self._epoch_at_zero_s + time.monotonic()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait for `event`, at most `timeout_s`; return whether it is set."""
        return event.wait(max(0.0, timeout_s))


SYSTEM_CLOCK = Clock()
