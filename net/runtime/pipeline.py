"""Named threads and bounded queues that start, stop and fail together.

A pipeline ends in one of three ways: each stage runs out of work (`finish` travels down the queues), someone stops it
(`abort` wakes every wait), or a stage raises (the first error wins and aborts the others).
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from codec.errors import EscError
from net.errors import StageFailed
from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped, StageQueue

logger = logging.getLogger(__name__)

FAILED_START_JOIN_S = 5.0

T = TypeVar("T")


class Pipeline:
    """Stages that live and end together. Every method may be called from any thread, again and again."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._threads: list[threading.Thread] = []
        self._wakes: list[Callable[[], None]] = []
        self._closes: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._started = self._closing = False
        self._running = 0
        self.stopping = threading.Event()
        """Set when the pipeline was stopped or failed: waits end, stages return."""
        self.ended = threading.Event()
        """Set when the last stage has ended and every `on_end` callback has run."""
        self.error: BaseException | None = None
        """The first error, of a stage or else of an `on_end` callback."""

    def add_stage(self, name: str, work: Callable[[], None]) -> None:
        """Add a thread that runs `work`; call it before `start`."""
        self._threads.append(threading.Thread(target=self._run, args=(name, work), name=f"{self._name}-{name}"))

    def add_queue(self, name: str, capacity: int, *, drop_oldest: bool = False) -> "StageQueue[T]":
        """Make a queue that `abort` wakes."""
        queue: StageQueue[T] = StageQueue(name, capacity, drop_oldest=drop_oldest)
        self.on_abort(queue.abort)
        return queue

    def on_abort(self, wake: Callable[[], None]) -> None:
        """Register what `abort` calls: `wake` must end a wait of some stage and must not block."""
        with self._lock:
            self._wakes.append(wake)
        if self.stopping.is_set():
            wake()

    def on_end(self, close: Callable[[], None]) -> None:
        """Run `close`, which can read `error`, once when the last stage has ended, however it did.

        Callbacks run in reverse order, as in an `ExitStack`, before `ended` is set: in the last stage's thread, or in
        the thread of `start` where no stage could be started, or of `close` where `start` was never called. Each one
        runs whatever the others raise; an error is logged, and becomes `error` where there is none yet. One that is
        registered after the end runs at once.
        """
        with self._lock:
            if not self._closing:
                self._closes.append(close)
                return
        self._try("close", close)

    def start(self) -> None:
        """Start all stages; does nothing if they were started before, or after `close`.

        Raises `StageFailed` where a thread cannot be started; those that were started are stopped and joined first.
        """
        with self._lock:
            if self._started:
                return
            self._started = True
            self._running = len(self._threads)
        for index, thread in enumerate(self._threads):
            try:
                thread.start()
            except RuntimeError as error:
                failed = StageFailed(f"the thread {thread.name} cannot be started: {error}")
                self.fail(failed)
                self._count_ended(len(self._threads) - index)
                self.join(FAILED_START_JOIN_S)
                raise failed from error
        self._count_ended(0)

    def abort(self) -> None:
        """Stop all stages as soon as they wake."""
        self.stopping.set()
        with self._lock:
            wakes = list(self._wakes)
        for wake in wakes:
            wake()

    def fail(self, error: Exception, stage: str = "") -> None:
        """End the pipeline with an error; only the first one counts. Any but an `EscError` becomes a `StageFailed`."""
        with self._lock:
            if self.error is None:
                self.error = as_link_error(stage, error)
        self.abort()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait for all stages under one deadline; return the names of those still alive."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        return tuple(thread.name for thread in self._threads if thread.is_alive())

    def close(self) -> None:
        """Abort; a pipeline that was never started ends here, and never starts."""
        self.abort()
        with self._lock:
            never_started, self._started = not self._started, True
        if never_started:
            self._count_ended(0)

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            self._try(name, work)
        finally:
            self._count_ended(1)

    def _count_ended(self, stages: int) -> None:
        """Count stages that run no more; after the last, run the callbacks and end."""
        with self._lock:
            self._running -= stages
            if self._running or self._closing:
                return
            self._closing = True
        while self._closes:
            self._try("close", self._closes.pop())
        self.ended.set()

    def _try(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except PipelineStopped:
            pass
        except Exception as error:  # a stage's top level: whatever it was ends the pipeline and is shown
            logger.exception("stage %s of %s failed", name, self._name)
            self.fail(error, name)


def as_link_error(stage: str, error: Exception) -> EscError:
    """Return an `EscError` as it is, and any other error as a `StageFailed` that names its stage."""
    if isinstance(error, EscError):
        return error
    failed = StageFailed(f"the {stage} stage failed: {type(error).__name__}: {error}")
    failed.__cause__ = error
    return failed
