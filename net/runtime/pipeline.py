"""Named threads and bounded queues that start, stop and fail together.

A pipeline ends in one of three ways: each stage runs out of work (`finish` travels down the queues), someone stops it
(`abort` wakes every wait), or a stage raises (the first error wins and aborts the others).
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from codec.errors import EscError
from net.errors import StageFailed
from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped, StageQueue

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Pipeline:
    """Stages that live and end together. Every method may be called from any thread, again and again."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._threads: list[threading.Thread] = []
        self._waits: list[Callable[[], None]] = []
        self._at_end = contextlib.ExitStack()
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

    def on_end(self, close: Callable[[], None]) -> None:
        """Have the last stage's thread call `close` once, before `ended` is set, whatever happened; last added first.

        Call before `start`.
        """
        self._at_end.callback(self._try, "close", close)

    def start(self) -> None:
        """Start all stages."""
        self._running = len(self._threads)
        if not self._threads:
            self._end()
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
                self._end()

    def _end(self) -> None:
        self._at_end.close()
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
