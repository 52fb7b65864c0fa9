"""The one sliding window over time: minima, maxima, sums and percentiles of the last seconds are taken from it."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class SlidingWindow(Generic[T]):
    """The values added in the last `duration_s` seconds, oldest first; the newest `fewest` are kept whatever their age.

    Time is what the caller counts, in seconds, and must not go back. Not thread-safe.
    """

    def __init__(self, duration_s: float, *, fewest: int = 0) -> None:
        self._duration_s, self._fewest = duration_s, fewest
        self._entries: deque[tuple[float, T]] = deque()

    def add(self, value: T, now_s: float) -> None:
        """Append a value and drop those that are too old."""
        self._entries.append((now_s, value))
        self.expire(now_s)

    def expire(self, now_s: float) -> None:
        """Drop the values that are too old."""
        while len(self._entries) > self._fewest and self._entries[0][0] <= now_s - self._duration_s:
            self._entries.popleft()

    def clear(self) -> None:
        """Drop all values."""
        self._entries.clear()

    @property
    def newest(self) -> T | None:
        """The value added last, None where none is kept."""
        return self._entries[-1][1] if self._entries else None

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return (value for _, value in self._entries)
