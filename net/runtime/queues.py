"""Bounded queues between the threads of a pipeline, and their statistics."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How full a bounded queue is and was at most, and what it dropped. `unit` is "chunks" or "ms"."""

    name: str
    depth: int
    capacity: int
    high_water: int
    dropped: int = 0
    unit: str = "chunks"

    @property
    def fill(self) -> float:
        """How full the queue is, 0 to 1."""
        return self.depth / self.capacity if self.capacity else 0.0


class PipelineStopped(Exception):
    """Raised out of every wait of a pipeline that was stopped; a stage that it ends has not failed."""


class StageQueue(Generic[T]):
    """A bounded queue between two stages. A full one blocks, or drops its oldest item and counts that."""

    def __init__(self, name: str, capacity: int, *, drop_oldest: bool = False) -> None:
        self.name, self.capacity = name, capacity
        self._drop_oldest = drop_oldest
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._finished = self._aborted = False
        self._high_water = self._dropped = 0

    def put(self, item: T) -> None:
        """Add an item; wait while the queue is full. Raises `PipelineStopped`."""
        with self._changed:
            if self._drop_oldest and len(self._items) >= self.capacity:
                self._items.popleft()
                self._dropped += 1
            self._changed.wait_for(lambda: self._aborted or len(self._items) < self.capacity)
            if self._aborted:
                raise PipelineStopped
            self._items.append(item)
            self._high_water = max(self._high_water, len(self._items))
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Yield items as they come, until the queue is finished and empty. Raises `PipelineStopped`."""
        return (item for item in self.items(None) if item is not None)

    def items(self, idle_s: float | None) -> Iterator[T | None]:
        """Yield items as `__iter__` does, and None whenever none has come for `idle_s`."""
        while True:
            with self._changed:
                ready = self._changed.wait_for(lambda: self._aborted or self._items or self._finished, idle_s)
                if self._aborted:
                    raise PipelineStopped
                if ready and not self._items:
                    return
                item = self._items.popleft() if self._items else None
                self._changed.notify_all()
            yield item

    def finish(self) -> None:
        """Put nothing more: the reader ends when it has read what is left."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both sides with `PipelineStopped`."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def stats(self) -> QueueStats:
        """The statistics as of now."""
        with self._changed:
            return QueueStats(self.name, len(self._items), self.capacity, self._high_water, self._dropped)
