"""The sender's window: packets between the encoder and the socket, kept until the receiver acknowledges them."""

import threading
from collections import deque
from dataclasses import dataclass

from codec.chunks.packed import PackedChunk
from net.runtime.queues import PipelineStopped, QueueStats


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The next thing to send: a chunk, or nothing more (`chunk` is None: END is due)."""

    chunk: PackedChunk | None
    resent: bool = False


class SendBuffer:
    """Packets in order of their index: sent and unacknowledged ones, then those that wait to be sent.

    The encoder puts (and waits, or drops the oldest waiting one, when `capacity` wait); the sending thread takes
    (and waits while nothing waits or `in_flight_limit` are unacknowledged); acknowledgements free what was sent.
    """

    def __init__(self, capacity: int, in_flight_limit: int, *, drop_oldest: bool = False) -> None:
        self._capacity, self.in_flight_limit = capacity, in_flight_limit
        self.in_flight_bound: int | None = None
        """A lower limit for what is unacknowledged, where that has to be timely."""
        self._drop_oldest = drop_oldest
        self._unacknowledged: deque[PackedChunk] = deque()
        self._waiting: deque[PackedChunk] = deque()
        self._changed = threading.Condition()
        self._finished = self._aborted = self._interrupted = False
        self._sent_below = self._needed_from = 0
        self._waiting_high = self._flight_high = self._dropped = 0
        self.acknowledged = 0
        """Chunks that the receiver will never ask for again."""

    def put(self, chunk: PackedChunk) -> None:
        """Add an encoded chunk, unless the receiver has it. Raises `PipelineStopped`."""
        with self._changed:
            if chunk.index < self._needed_from:
                self.acknowledged += 1  # an earlier sender's chunks had been on their way when this one resumed
                return
            if self._drop_oldest and len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self._dropped += 1
            self._changed.wait_for(lambda: self._aborted or len(self._waiting) < self._capacity)
            if self._aborted:
                raise PipelineStopped
            self._waiting.append(chunk)
            self._waiting_high = max(self._waiting_high, len(self._waiting))
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that no chunk will follow."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def take(self) -> Outgoing | None:
        """Wait for the next thing to send and count it as sent; None when interrupted. Raises `PipelineStopped`."""
        with self._changed:
            self._changed.wait_for(self._may_take)
            if self._aborted:
                raise PipelineStopped
            if self._interrupted:
                return None
            if not self._waiting:
                return Outgoing(None)
            chunk = self._waiting.popleft()
            self._unacknowledged.append(chunk)
            self._flight_high = max(self._flight_high, len(self._unacknowledged))
            resent = chunk.index < self._sent_below
            self._sent_below = max(self._sent_below, chunk.index + 1)
            self._changed.notify_all()
            return Outgoing(chunk, resent)

    def acknowledge(self, next_index: int) -> None:
        """Forget chunks below `next_index`: sent ones, and those that a rewind has put back."""
        with self._changed:
            self._needed_from = max(self._needed_from, next_index)
            for chunks in (self._unacknowledged, self._waiting):
                while chunks and chunks[0].index < next_index:
                    chunks.popleft()
                    self.acknowledged += 1
            self._changed.notify_all()

    def rewind(self, next_index: int) -> None:
        """After a reconnection: forget what is below `next_index` and send the rest again."""
        self.acknowledge(next_index)
        with self._changed:
            self._needed_from = next_index
            self._waiting.extendleft(reversed(self._unacknowledged))
            self._unacknowledged.clear()
            self._interrupted = False
            self._changed.notify_all()

    def interrupt(self) -> None:
        """Have `take` return None until `rewind`: the connection is gone."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both sides with `PipelineStopped`."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    @property
    def in_flight(self) -> int:
        """Sent and not yet acknowledged."""
        with self._changed:
            return len(self._unacknowledged)

    @property
    def is_held_up(self) -> bool:
        """Whether nothing can be sent before something is acknowledged, or all was sent."""
        with self._changed:
            return len(self._unacknowledged) >= self._flight_limit if self._waiting else self._finished

    def stats(self) -> tuple[QueueStats, QueueStats]:
        """The two queues in this window: waiting to be sent, and unacknowledged."""
        with self._changed:
            return (
                QueueStats("send", len(self._waiting), self._capacity, self._waiting_high, self._dropped),
                QueueStats("unacked", len(self._unacknowledged), self._flight_limit, self._flight_high),
            )

    @property
    def _flight_limit(self) -> int:
        bound = self.in_flight_bound
        return self.in_flight_limit if bound is None else min(bound, self.in_flight_limit)

    def _may_take(self) -> bool:
        if self._aborted or self._interrupted:
            return True
        if self._waiting:
            return len(self._unacknowledged) < self._flight_limit
        return self._finished
