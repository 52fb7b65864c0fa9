"""Named threads and bounded queues that start, stop and fail together.

A pipeline ends in one of three ways: each stage runs out of work (`finish` travels down the queues), someone stops it
(`abort` wakes every wait), or a stage raises (the first error wins and aborts the others).
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from codec.errors import EscError
from net.clock import Clock
from net.errors import StageFailed
from net.stats import QueueStats

logger = logging.getLogger(__name__)

T = TypeVar("T")


class PipelineStopped(Exception):
    """Raised out of every wait of a pipeline that was stopped; ends its stage quietly."""


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
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._aborted or self._items or self._finished)
                if self._aborted:
                    raise PipelineStopped
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def finish(self) -> None:
        """Say that nothing more will be put; the reader ends when it has read what is left."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both sides with `PipelineStopped`."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def stats(self) -> QueueStats:
        """How full the queue is and was."""
        with self._changed:
            return QueueStats(self.name, len(self._items), self.capacity, self._high_water, self._dropped)


class Pipeline:
    """Stages that live and end together. Every method may be called from any thread, again and again."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._threads: list[threading.Thread] = []
        self._waits: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._running = 0
        self.stopping = threading.Event()
        """Set when the pipeline was stopped or failed: waits end, stages return."""
        self.ended = threading.Event()
        """Set when the last stage has ended."""
        self.error: BaseException | None = None

    def add_stage(self, name: str, work: Callable[[], None], then: Callable[[], None] | None = None) -> None:
        """Add a stage: a thread that runs `work` to its end, and `then` when `error` tells how. Call before `start`."""
        self._threads.append(threading.Thread(target=self._run, args=(name, work, then), name=f"{self._name}-{name}"))

    def add_queue(self, name: str, capacity: int, *, drop_oldest: bool = False) -> "StageQueue[T]":
        """Make a queue that `abort` wakes."""
        queue: StageQueue[T] = StageQueue(name, capacity, drop_oldest=drop_oldest)
        self.on_abort(queue.abort)
        return queue

    def on_abort(self, wake: Callable[[], None]) -> None:
        """Have `abort` call `wake`, which must end a wait of some stage and must not block."""
        with self._lock:
            self._waits.append(wake)
        if self.stopping.is_set():
            wake()

    def start(self) -> None:
        """Start all stages."""
        self._running = len(self._threads)
        if not self._threads:
            self.ended.set()
        for thread in self._threads:
            thread.start()

    def abort(self) -> None:
        """Stop all stages as soon as they wake."""
        self.stopping.set()
        with self._lock:
            waits = list(self._waits)
        for wake in waits:
            wake()

    def fail(self, error: BaseException) -> None:
        """End the pipeline with an error; only the first one counts."""
        with self._lock:
            if self.error is None:
                self.error = error
        self.abort()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait for all stages under one deadline; return the names of those still alive."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        return tuple(thread.name for thread in self._threads if thread.is_alive())

    def _run(self, name: str, work: Callable[[], None], then: Callable[[], None] | None) -> None:
        try:
            self._try(name, work)
            if then is not None:
                self._try(name, then)
        finally:
            with self._lock:
                self._running -= 1
                last = not self._running
            if last:
                self.ended.set()

    def _try(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except PipelineStopped:
            pass
        except Exception as error:  # a stage's top level: whatever it was ends the pipeline and is shown
            logger.exception("stage %s of %s failed", name, self._name)
            self.fail(_explained(name, error))


def _explained(stage: str, error: Exception) -> BaseException:
    """Errors made for people pass as they are; others are told with the stage that they ended."""
    if isinstance(error, EscError):
        return error
    failed = StageFailed(f"the {stage} stage failed: {type(error).__name__}: {error}")
    failed.__cause__ = error
    return failed
