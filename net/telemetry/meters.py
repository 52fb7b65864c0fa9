"""Meters that stages feed and snapshots read. Each may be used from any thread."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psutil

from net.runtime.clock import Clock
from net.telemetry.stats import CodecStats, DurationStats, ProcessStats, RateStats

HISTORY_SECONDS = 300
NOW_SECONDS = 1.0
PERCENTILE_SECONDS = 60.0


class RateMeter:
    """Bytes that pass, as kbps over the last second, over the whole stream, and second by second."""

    def __init__(self, name: str, clock: Clock, *, starts_itself: bool = True) -> None:
        self._name, self._clock, self._starts_itself = name, clock, starts_itself
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, int]] = deque()
        self._seconds: deque[int] = deque(maxlen=HISTORY_SECONDS)
        self._second_bytes = self._closed_seconds = 0
        self._total_bytes = self._bytes_before_start = 0
        self._start_s: float | None = None
        self._stopped_s: float | None = None

    def start(self) -> None:
        """Begin the time that the average covers; of a meter that `starts_itself`, the first `add` does it, too."""
        with self._lock:
            if self._start_s is None:
                self._start_s = self._clock.monotonic_s()
                self._bytes_before_start, self._second_bytes = self._total_bytes, 0

    def stop(self) -> None:
        """End the time that the average covers."""
        with self._lock:
            if self._stopped_s is None:
                self._stopped_s = self._clock.monotonic_s()

    def add(self, size_bytes: int) -> None:
        """Count `size_bytes` that passed just now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._start_s is None and self._starts_itself:
                self._start_s = now_s
            self._roll(now_s)
            self._recent.append((now_s, size_bytes))
            self._second_bytes += size_bytes
            self._total_bytes += size_bytes

    def stats(self) -> RateStats:
        """The rates as of now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._start_s is None:
                return RateStats(self._name)
            self._roll(now_s)
            end_s = now_s if self._stopped_s is None else self._stopped_s
            duration_s = end_s - self._start_s
            recent_bytes = sum(size for _, size in self._recent)
            return RateStats(
                self._name,
                now_kbps=recent_bytes * 8 / 1000 / NOW_SECONDS,
                average_kbps=(self._total_bytes - self._bytes_before_start) * 8 / 1000 / duration_s
                if duration_s > 0
                else 0.0,
                total_bytes=self._total_bytes,
                history_kbps=tuple(size * 8 / 1000 for size in self._seconds),
            )

    def _roll(self, now_s: float) -> None:
        """Drop what has left the window of now, and close the seconds that have passed."""
        while self._recent and self._recent[0][0] <= now_s - NOW_SECONDS:
            self._recent.popleft()
        if self._start_s is None or self._stopped_s is not None:
            return
        passed = int(now_s - self._start_s)
        while self._closed_seconds < passed:
            self._seconds.append(self._second_bytes)
            self._second_bytes = 0
            self._closed_seconds += 1


class DurationMeter:
    """A duration measured again and again."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, float]] = deque()
        self._seconds: deque[float] = deque(maxlen=HISTORY_SECONDS)
        self._second: list[float] = []
        self._second_index: int | None = None
        self._count, self._total_s = 0, 0.0
        self._minimum_s, self._maximum_s = float("inf"), 0.0

    def add(self, duration_s: float) -> None:
        """Count one duration, measured just now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            self._roll(now_s)
            self._recent.append((now_s, duration_s))
            self._second.append(duration_s)
            self._count += 1
            self._total_s += duration_s
            self._minimum_s = min(self._minimum_s, duration_s)
            self._maximum_s = max(self._maximum_s, duration_s)

    @contextmanager
    def time(self) -> Iterator[None]:
        """Measure the body of a `with` statement."""
        start_s = self._clock.monotonic_s()
        yield
        self.add(self._clock.monotonic_s() - start_s)

    @property
    def total_s(self) -> float:
        """The sum of all durations."""
        with self._lock:
            return self._total_s

    @property
    def latest_ms(self) -> float | None:
        """The latest duration, None before the first."""
        with self._lock:
            return self._recent[-1][1] * 1000 if self._recent else None

    def stats(self) -> DurationStats:
        """The durations as of now."""
        with self._lock:
            if not self._count:
                return DurationStats(self._name)
            self._roll(self._clock.monotonic_s())
            window_ms = np.array([duration_s for _, duration_s in self._recent]) * 1000
            p50_ms, p95_ms = np.percentile(window_ms, (50, 95)) if len(window_ms) else (np.nan, np.nan)
            return DurationStats(
                self._name,
                count=self._count,
                now_ms=float(window_ms[-1]) if len(window_ms) else float("nan"),
                p50_ms=float(p50_ms),
                p95_ms=float(p95_ms),
                average_ms=self._total_s / self._count * 1000,
                minimum_ms=self._minimum_s * 1000,
                maximum_ms=self._maximum_s * 1000,
                total_s=self._total_s,
                history_ms=tuple(self._seconds),
            )

    def _roll(self, now_s: float) -> None:
        while self._recent and self._recent[0][0] <= now_s - PERCENTILE_SECONDS:
            self._recent.popleft()
        second = int(now_s)
        if self._second_index is None:
            self._second_index = second
        while self._second_index < second:
            mean_ms = float(np.mean(self._second)) * 1000 if self._second else float("nan")
            self._seconds.append(mean_ms)
            self._second.clear()
            self._second_index += 1


class LevelHistory:
    """A number that changes now and then, second by second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: deque[int] = deque(maxlen=HISTORY_SECONDS)
        self._value: int | None = None
        self._second = 0

    def set(self, value: int) -> None:
        """Take the number as of now."""
        with self._lock:
            self._roll()
            self._value = value

    def values(self) -> tuple[int, ...]:
        """What the number was at the end of each of the last seconds, oldest first, at most 300."""
        with self._lock:
            self._roll()
            return tuple(self._seconds)

    def _roll(self) -> None:
        second = int(self._clock.monotonic_s())
        if self._value is not None:
            self._seconds.extend([self._value] * min(HISTORY_SECONDS, second - self._second))
        self._second = second


class CodecMeter:
    """What coding costs: durations, and the audio that they were spent on."""

    def __init__(self, name: str, sample_rate: int, clock: Clock) -> None:
        self._durations = DurationMeter(name, clock)
        self._sample_rate = sample_rate
        self._clock = clock
        self._audio_s = 0.0
        self._rtf_now = float("nan")

    @contextmanager
    def time(self, samples: int) -> Iterator[None]:
        """Measure the coding of so many samples."""
        start_s = self._clock.monotonic_s()
        yield
        duration_s = self._clock.monotonic_s() - start_s
        self._durations.add(duration_s)
        self._audio_s += samples / self._sample_rate
        if samples:
            self._rtf_now = duration_s * self._sample_rate / samples

    @property
    def latest_ms(self) -> float | None:
        """The latest duration, None before the first."""
        return self._durations.latest_ms

    def stats(self) -> CodecStats:
        """The costs as of now."""
        average = self._durations.total_s / self._audio_s if self._audio_s else float("nan")
        return CodecStats(self._durations.stats(), self._rtf_now, average)


class ProcessMeter:
    """CPU and memory of this process; CPU is measured over windows of at least a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._lock = threading.Lock()
        self._measured_s = float("-inf")
        self._stats = ProcessStats()
        self._process.cpu_percent()

    def stats(self) -> ProcessStats:
        """The costs over the last whole window."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if now_s - self._measured_s >= NOW_SECONDS:
                self._stats = ProcessStats(self._process.cpu_percent(), self._process.memory_info().rss)
                self._measured_s = now_s
            return self._stats
