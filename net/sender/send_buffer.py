"""Packed chunks between the encoder and the socket, kept until the receiver acknowledges them.

From how long acknowledgements take, and how much they cover, the rate controller infers what the link carries.
"""

import itertools
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from codec.chunks.packed import PackedChunk
from net.protocol.messages import End
from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped, QueueStats
from net.runtime.sliding_window import SlidingWindow

DELIVERY_WINDOW_S: Final = 1.5
"""Delivered rates are averages over so long."""
SHORTEST_WINDOW_S: Final = 45.0
"""The shortest delay is that of this long."""
SETTLED_S: Final = 30.0
REST_S: Final = 2.0
"""After a rest of the source the delays count anew: nothing could be acknowledged meanwhile."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The next thing to send."""

    message: PackedChunk | End
    resent: bool = False
    """Whether it was sent before, on another connection."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What acknowledgements say about the link.

    A receiver acknowledges a chunk only when it has some more, its history. So a chunk's delay counts from the moment
    that the last of these was there to be sent.
    """

    due_age_s: float | None = None
    """Delay so far of the oldest unacknowledged chunk; None while the receiver has not all that it needs for it."""
    shortest_delay_s: float | None = None
    """None before the first acknowledgement."""
    settled: bool = False
    """Whether delays have been measured for half a minute."""
    bps: float = 0.0
    chunks_per_s: float = 0.0


@dataclass(slots=True)
class _Entry:
    chunk: PackedChunk
    put_s: float
    sent_bytes: int | None = None
    """None: not sent yet."""


class SendBuffer:
    """Chunks in order of their index: sent and unacknowledged ones, then those that wait to be sent. Thread-safe.

    The encoder puts: with `capacity` waiting it blocks or, with `drop_oldest`, drops the oldest waiting ones. The
    sending thread gets the next one, and waits while nothing waits or the limit is in flight.
    """

    def __init__(self, capacity: int, in_flight_limit: int, clock: Clock, *, drop_oldest: bool = False) -> None:
        self._capacity, self._in_flight_limit = capacity, in_flight_limit
        self._clock, self._drop_oldest = clock, drop_oldest
        self._in_flight_bound: int | None = None
        self._unacknowledged: deque[_Entry] = deque()
        self._waiting: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._end: End | None = None
        self._aborted = self._interrupted = False
        self._sent_below = self._needed_from = 0
        self._waiting_high = self._in_flight_high = self._dropped = 0
        self._hop_s, self._history_chunks = 0.0, 1
        self._last_put_s = float("inf")
        self._delivered_bytes: SlidingWindow[int] = SlidingWindow(DELIVERY_WINDOW_S)
        self._delays_s: SlidingWindow[float] = SlidingWindow(SHORTEST_WINDOW_S, fewest=1)
        self._first_delay_s: float | None = None
        self.acknowledged = 0
        """Chunks that the receiver will never ask for again."""

    def begin_stream(self, hop_s: float, history_chunks: int) -> None:
        """Set the time between two chunks, and how many more a receiver needs before it acknowledges one."""
        with self._changed:
            self._hop_s, self._history_chunks = hop_s, history_chunks

    def put(self, chunk: PackedChunk) -> None:
        """Add an encoded chunk, unless the receiver has it. Raises `PipelineStopped`."""
        with self._changed:
            if chunk.index < self._needed_from:
                self.acknowledged += 1  # an earlier sender's chunks had been on their way when this one resumed
                return
            put_s = self._clock.monotonic_s()
            if put_s - self._last_put_s > REST_S + self._hop_s:
                for entry in self._entries():
                    entry.put_s = put_s
            self._make_room()
            self._waiting.append(_Entry(chunk, put_s))
            self._waiting_high = max(self._waiting_high, len(self._waiting))
            self._last_put_s = self._clock.monotonic_s()  # a wait for room is no rest of the source
            self._changed.notify_all()

    def finish(self, end: End) -> None:
        """Append END, after which nothing is put."""
        with self._changed:
            self._end = end
            self._changed.notify_all()

    def next(self) -> Outgoing | None:
        """Wait for the next thing to send, and count it as in flight; None if interrupted. Raises `PipelineStopped`."""
        with self._changed:
            self._changed.wait_for(self._has_next)
            if self._aborted:
                raise PipelineStopped
            if self._interrupted:
                return None
            if not self._waiting:
                assert self._end is not None
                return Outgoing(self._end)
            entry = self._waiting.popleft()
            self._unacknowledged.append(entry)
            self._in_flight_high = max(self._in_flight_high, len(self._unacknowledged))
            index = entry.chunk.index
            resent, self._sent_below = index < self._sent_below, max(self._sent_below, index + 1)
            self._changed.notify_all()
            return Outgoing(entry.chunk, resent)

    def mark_sent(self, index: int, payload_bytes: int) -> None:
        """Record what the socket took of the chunk that `next` returned last."""
        with self._changed:
            if self._unacknowledged and self._unacknowledged[-1].chunk.index == index:
                self._unacknowledged[-1].sent_bytes = payload_bytes

    def acknowledge(self, next_index: int) -> None:
        """Drop chunks below `next_index`: sent ones, and those that a rewind has put back."""
        with self._changed:
            now_s = self._clock.monotonic_s()
            self._needed_from = max(self._needed_from, next_index)
            for entries in (self._unacknowledged, self._waiting):
                while entries and entries[0].chunk.index < next_index:
                    self._measure_delivery(entries.popleft(), now_s)
                    self.acknowledged += 1
            self._changed.notify_all()

    def rewind(self, next_index: int, in_flight_limit: int) -> None:
        """On a new connection: acknowledge what is below `next_index`, and queue the rest again.

        `in_flight_limit` is how many chunks the receiver lets be unacknowledged.
        """
        self.acknowledge(next_index)
        with self._changed:
            self._needed_from = next_index
            self._in_flight_limit = in_flight_limit
            self._waiting.extendleft(reversed(self._unacknowledged))
            self._unacknowledged.clear()
            self._interrupted = False
            self._changed.notify_all()

    def bound_in_flight(self, chunks: int | None) -> None:
        """Bound the chunks in flight below the receiver's limit; None removes the bound."""
        with self._changed:
            self._in_flight_bound = chunks
            self._changed.notify_all()

    def interrupt(self) -> None:
        """Make `next` return None until `rewind`: the connection is gone."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both sides with `PipelineStopped`."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    @property
    def is_held_up(self) -> bool:
        """Whether nothing can be sent before something is acknowledged, or all was sent."""
        with self._changed:
            return self._is_flight_full if self._waiting else self._end is not None

    def stats(self) -> tuple[QueueStats, QueueStats]:
        """The two queues: waiting to be sent, and unacknowledged."""
        with self._changed:
            return (
                QueueStats("send", len(self._waiting), self._capacity, self._waiting_high, self._dropped),
                QueueStats("unacked", len(self._unacknowledged), self._limit, self._in_flight_high),
            )

    def delivery(self) -> Delivery:
        """What acknowledgements say about the link as of now."""
        with self._changed:
            now_s = self._clock.monotonic_s()
            self._delivered_bytes.expire(now_s)
            due = self._entry_at(self._history_chunks)
            return Delivery(
                due_age_s=None if due is None else now_s - due.put_s,
                shortest_delay_s=min(self._delays_s, default=None),
                settled=self._first_delay_s is not None and now_s - self._first_delay_s >= SETTLED_S,
                bps=sum(self._delivered_bytes) * 8 / DELIVERY_WINDOW_S,
                chunks_per_s=len(self._delivered_bytes) / DELIVERY_WINDOW_S,
            )

    @property
    def _limit(self) -> int:
        bound = self._in_flight_bound
        return self._in_flight_limit if bound is None else min(bound, self._in_flight_limit)

    @property
    def _is_flight_full(self) -> bool:
        return len(self._unacknowledged) >= self._limit

    def _entries(self) -> "itertools.chain[_Entry]":
        return itertools.chain(self._unacknowledged, self._waiting)

    def _entry_at(self, position: int) -> _Entry | None:
        return next(itertools.islice(self._entries(), position, None), None)

    def _has_next(self) -> bool:
        if self._aborted or self._interrupted:
            return True
        return not self._is_flight_full if self._waiting else self._end is not None

    def _make_room(self) -> None:
        # A rewind may have put back more than the capacity.
        while self._drop_oldest and len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self._dropped += 1
        self._changed.wait_for(lambda: self._aborted or len(self._waiting) < self._capacity)
        if self._aborted:
            raise PipelineStopped

    def _measure_delivery(self, entry: _Entry, now_s: float) -> None:
        if entry.sent_bytes is None:
            return
        self._delivered_bytes.add(entry.sent_bytes, now_s)
        newest_needed = self._entry_at(self._history_chunks - 1)
        if newest_needed is not None:
            self._delays_s.add(now_s - newest_needed.put_s, now_s)
            if self._first_delay_s is None:
                self._first_delay_s = now_s
