"""Devices that sleep, then ask for seconds of sound at once: some sound servers do while nobody listens closely."""

SLEEP_S = 0.25
"""A shorter pause between two pulls is a busy machine, not a device that sleeps."""
REMEMBERED_S = 30.0


class DeviceSleep:
    """The longest that a device has slept between two pulls of late: so much more sound must be held for it."""

    def __init__(self) -> None:
        self._longest_s = self._before_s = 0.0
        self._elapsed_s = 0.0

    def observe(self, pause_s: float) -> None:
        """Take how long ago the pull before this one was."""
        self._elapsed_s += pause_s
        if self._elapsed_s >= REMEMBERED_S:
            self._before_s, self._longest_s, self._elapsed_s = self._longest_s, 0.0, 0.0
        self._longest_s = max(self._longest_s, pause_s)

    @property
    def sleep_ms(self) -> float:
        """The longest sleep of the last 30 to 60 s; 0 for a device that asks steadily."""
        longest_s = max(self._longest_s, self._before_s)
        return longest_s * 1000 if longest_s >= SLEEP_S else 0.0
