"""Devices that sleep, then ask for seconds of sound at once: some sound servers do while nobody listens closely."""

from collections import deque

SLEEP_S = 0.25
"""A shorter pause between two pulls is a busy machine, not a device that sleeps."""
REMEMBERED_S = 30.0


class DeviceSleep:
    """How long a device sleeps between two pulls, again and again: so much more sound must be held for it."""

    def __init__(self) -> None:
        self._sleeps: deque[tuple[float, float]] = deque()
        self._elapsed_s = 0.0

    def observe(self, pause_s: float) -> None:
        """Take how long ago the pull before this one was."""
        self._elapsed_s += pause_s
        if pause_s >= SLEEP_S:
            self._sleeps.append((self._elapsed_s, pause_s))
        while self._sleeps and self._sleeps[0][0] < self._elapsed_s - REMEMBERED_S:
            self._sleeps.popleft()

    @property
    def sleep_ms(self) -> float:
        """The second longest sleep of the last 30 s, since one may be a chance; 0 for a device that asks steadily."""
        pauses_s = sorted(pause_s for _, pause_s in self._sleeps)
        return pauses_s[-2] * 1000 if len(pauses_s) > 1 else 0.0
