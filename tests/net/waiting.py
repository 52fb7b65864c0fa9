"""Waiting for what another thread does, under a deadline."""

import threading
import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Return as soon as `holds()`; fail after the deadline."""
    deadline_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline_s, "what was waited for did not happen"
        pause.wait(0.002)
