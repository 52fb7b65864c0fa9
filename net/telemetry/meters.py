"""Meters that stages feed and snapshots read. Each may be used from any thread."""

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Generic, TypeVar

import numpy as np
import psutil

from net.runtime.clock import Clock
from net.runtime.sliding_window import SlidingWindow
from net.telemetry.stats import BUCKET_BOUNDS_S, CodecStats, DurationStats, ProcessStats, RateStats

HISTORY_SECONDS = 300
NOW_SECONDS = 1.0
PERCENTILE_SECONDS = 60.0

Number = TypeVar("Number", int, float)


class SecondHistory(Generic[Number]):
    """One value for each of the last whole seconds, oldest first, at most 300. Not thread-safe."""

    def __init__(self, first_second: int | None = None) -> None:
        self._values: deque[Number] = deque(maxlen=HISTORY_SECONDS)
        self._second = first_second

    def advance(self, now_s: float, value: Number, idle: Number) -> bool:
        """Close the seconds before `now_s`, the first with `value` and others with `idle`; return whether any was."""
        second = int(now_s)
        passed = second - self._second if self._second is not None else 0
        self._second = second
        if passed > 0:
            self._values.append(value)
            self._values.extend(repeat(idle, min(passed - 1, HISTORY_SECONDS)))
        return passed > 0

    def values(self) -> tuple[Number, ...]:
        """The closed seconds."""
        return tuple(self._values)


class RateMeter:
    """Bytes that pass, as kbps over the last second, over the whole stream, and second by second."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._lock = threading.Lock()
        self._recent: SlidingWindow[int] = SlidingWindow(NOW_SECONDS)
        self._seconds: SecondHistory[float] = SecondHistory(0)
        self._second_bytes = self._total_bytes = self._bytes_before_start = 0
        self._start_s: float | None = None
        self._stopped_s: float | None = None

    def start(self) -> None:
        """Begin the time that the average and the history cover; before, only the total counts."""
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
            self._roll(now_s)
            self._recent.add(size_bytes, now_s)
            self._second_bytes += size_bytes
            self._total_bytes += size_bytes

    def stats(self) -> RateStats:
        """The rates as of now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._start_s is None:
                return RateStats(self._name, total_bytes=self._total_bytes)
            self._roll(now_s)
            duration_s = (now_s if self._stopped_s is None else self._stopped_s) - self._start_s
            return RateStats(
                self._name,
                now_kbps=sum(self._recent) * 8 / 1000 / NOW_SECONDS,
                average_kbps=(self._total_bytes - self._bytes_before_start) * 8 / 1000 / duration_s
                if duration_s > 0
                else 0.0,
                total_bytes=self._total_bytes,
                history_kbps=self._seconds.values(),
            )

    def _roll(self, now_s: float) -> None:
        self._recent.expire(now_s)
        if self._start_s is None or self._stopped_s is not None:
            return
        if self._seconds.advance(now_s - self._start_s, self._second_bytes * 8 / 1000, 0.0):
            self._second_bytes = 0


class DurationMeter:
    """A duration measured again and again."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._lock = threading.Lock()
        self._recent: SlidingWindow[float] = SlidingWindow(PERCENTILE_SECONDS)
        self._seconds: SecondHistory[float] = SecondHistory()
        self._second: list[float] = []
        self._count, self._total_s = 0, 0.0
        self._minimum_s, self._maximum_s = float("inf"), 0.0
        self._buckets = [0] * (len(BUCKET_BOUNDS_S) + 1)

    def add(self, duration_s: float) -> None:
        """Count one duration, measured just now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            self._roll(now_s)
            self._recent.add(duration_s, now_s)
            self._second.append(duration_s)
            self._count += 1
            self._total_s += duration_s
            self._minimum_s = min(self._minimum_s, duration_s)
            self._maximum_s = max(self._maximum_s, duration_s)
            self._buckets[bisect_left(BUCKET_BOUNDS_S, duration_s)] += 1

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
            latest_s = self._recent.newest
            return None if latest_s is None else latest_s * 1000

    def stats(self) -> DurationStats:
        """The durations as of now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if not self._count:
                return DurationStats(self._name)
            self._roll(now_s)
            window_ms = np.array(list(self._recent) or [np.nan]) * 1000
            p50_ms, p95_ms = np.percentile(window_ms, (50, 95))
            return DurationStats(
                self._name,
                count=self._count,
                now_ms=float(window_ms[-1]),
                p50_ms=float(p50_ms),
                p95_ms=float(p95_ms),
                average_ms=self._total_s / self._count * 1000,
                minimum_ms=self._minimum_s * 1000,
                maximum_ms=self._maximum_s * 1000,
                total_s=self._total_s,
                history_ms=self._seconds.values(),
                buckets=tuple(self._buckets),
            )

    def _roll(self, now_s: float) -> None:
        self._recent.expire(now_s)
        mean_ms = sum(self._second) / len(self._second) * 1000 if self._second else float("nan")
        if self._seconds.advance(now_s, mean_ms, float("nan")):
            self._second.clear()


class LevelHistory:
    """A number that changes now and then, second by second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: SecondHistory[int] = SecondHistory()
        self._value: int | None = None

    def set(self, value: int) -> None:
        """Change the number as of now."""
        with self._lock:
            if self._value is None:
                self._value = value
            self._close_seconds()
            self._value = value

    def values(self) -> tuple[int, ...]:
        """What the number was at the end of each of the last seconds, oldest first, at most 300."""
        with self._lock:
            self._close_seconds()
            return self._seconds.values()

    def _close_seconds(self) -> None:
        if self._value is not None:
            self._seconds.advance(self._clock.monotonic_s(), self._value, self._value)


class CodecMeter:
    """What coding costs: durations, and the audio that they were spent on."""

    def __init__(self, name: str, sample_rate: int, clock: Clock) -> None:
        self._durations = DurationMeter(name, clock)
        self._sample_rate = sample_rate
        self._audio_s, self._rtf_now = 0.0, float("nan")

    @contextmanager
    def time(self, samples: int) -> Iterator[None]:
        """Measure the coding of so many samples."""
        before_s = self._durations.total_s
        with self._durations.time():
            yield
        self._audio_s += samples / self._sample_rate
        if samples:
            self._rtf_now = (self._durations.total_s - before_s) * self._sample_rate / samples

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
