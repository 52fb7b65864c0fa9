"""How far the receiver is behind, from what it acknowledges."""

import threading
from collections import deque
from typing import Final

from net.runtime.clock import Clock


class DelayEstimate:
    """How old what the receiver has not acknowledged is, and how much it has acknowledged lately.

    A receiver acknowledges a chunk only when it has `history` more. So a chunk's delay counts from the moment that the
    last of these was there to be sent.
    """

    USUAL_S: Final = 30.0
    """The usual delay is the shortest of this long, at least, and of twice as long at most."""
    RATE_S: Final = 1.5
    FIRST_USUAL_S: Final = 0.4
    """No delay this far beyond the round trip is taken for usual in the first half minute: the link may have been slow
    from the start."""
    REST_S: Final = 2.0
    """After a rest of the source the delays count anew: nothing could be acknowledged meanwhile."""

    def __init__(self, hop_s: float, clock: Clock, history: int = 1) -> None:
        self._hop_s, self._clock, self._history = hop_s, clock, history
        self._lock = threading.Lock()
        self._put: deque[tuple[int, float]] = deque()
        self._sent_bytes: dict[int, int] = {}
        self._delivered: deque[tuple[float, int]] = deque()
        self._shortest = [float("inf"), float("inf")]
        self._began_s: float | None = None
        self._bucket = 0
        self._last_put_s = float("inf")
        self.round_trip_s = 0.0
        """Of the link itself, with nothing in its queues: no delay is shorter."""

    def put(self, index: int) -> None:
        """Take that a chunk is about to be queued for sending."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if now_s - self._last_put_s > self.REST_S + self._hop_s:
                self._put = deque((earlier, now_s) for earlier, _ in self._put)
            self._put.append((index, now_s))

    def rested(self) -> None:
        """Take that the chunk was queued: a wait for room in the queue is no rest of the source."""
        self._last_put_s = self._clock.monotonic_s()

    def sent(self, index: int, size_bytes: int) -> None:
        """Take that a chunk was given to the socket."""
        with self._lock:
            self._sent_bytes[index] = size_bytes

    def acknowledge(self, next_index: int) -> None:
        """Take that the receiver has all chunks below `next_index`."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            while self._put and self._put[0][0] < next_index:
                index, _ = self._put.popleft()
                size_bytes = self._sent_bytes.pop(index, None)
                if size_bytes is None:
                    continue  # it was dropped
                self._delivered.append((now_s, size_bytes))
                if len(self._put) >= self._history:
                    self._measure(now_s, max(0.0, now_s - self._put[self._history - 1][1]))

    @property
    def usual_s(self) -> float | None:
        """The usual delay: the shortest of the last half or whole minute; None while nothing is known."""
        with self._lock:
            shortest_s = min(self._shortest)
            if shortest_s == float("inf"):
                return None
            return shortest_s if self._bucket else min(shortest_s, self._first_usual_s)

    @property
    def behind_s(self) -> float:
        """How far the oldest unacknowledged chunk is beyond the usual delay."""
        now_s, usual_s = self._clock.monotonic_s(), self.usual_s
        with self._lock:
            if len(self._put) <= self._history:
                return 0.0
            usual_s = self._first_usual_s if usual_s is None else usual_s
            return max(0.0, now_s - self._put[self._history][1] - usual_s)

    @property
    def delivered_bps(self) -> float:
        """Bits a second of the chunks that were acknowledged lately."""
        return sum(self._delivered_lately()) * 8 / self.RATE_S

    @property
    def delivered_chunks_per_s(self) -> float:
        """How many chunks a second were acknowledged lately."""
        return len(self._delivered_lately()) / self.RATE_S

    @property
    def _first_usual_s(self) -> float:
        return self.FIRST_USUAL_S + self.round_trip_s

    def _delivered_lately(self) -> list[int]:
        oldest_s = self._clock.monotonic_s() - self.RATE_S
        with self._lock:
            while self._delivered and self._delivered[0][0] <= oldest_s:
                self._delivered.popleft()
            return [size_bytes for _, size_bytes in self._delivered]

    def _measure(self, now_s: float, delay_s: float) -> None:
        if self._began_s is None:
            self._began_s = now_s
        bucket = int((now_s - self._began_s) / self.USUAL_S)
        if bucket != self._bucket:
            self._shortest = [self._shortest[1], float("inf")]
            self._bucket = bucket
        self._shortest[1] = min(self._shortest[1], delay_s)


class RoundTrips:
    """How far the round trip has grown beyond its shortest; told once for each that was measured."""

    def __init__(self) -> None:
        self._latest_ms: float | None = None
        self._shortest_ms = float("inf")

    @property
    def shortest_s(self) -> float:
        """The shortest so far; infinite before the first."""
        return self._shortest_ms / 1000

    def grown_s(self, round_trip_ms: float | None) -> float:
        """How far a newly measured round trip is beyond the shortest; 0 for none and for one that was told before."""
        if round_trip_ms is None or round_trip_ms == self._latest_ms:
            return 0.0
        self._latest_ms = round_trip_ms
        self._shortest_ms = min(self._shortest_ms, round_trip_ms)
        return (round_trip_ms - self._shortest_ms) / 1000
