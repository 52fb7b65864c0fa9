"""Starts and stops the engines on threads of its own, so that the console never waits for them."""

import threading
from collections.abc import Callable, Sequence

from codec.errors import EscError
from esc_tui.console.messages import EnginesEnded, StartFailed
from net.engine import Engine
from net.runtime.clock import SYSTEM_CLOCK, Clock

STOP_TIMEOUT_S = 5.0
POLL_S = 0.05


class Supervisor:
    """Owns the life of the engines: start, an orderly stop, a stop at once. Each returns immediately.

    `post` takes the messages `StartFailed` and `EnginesEnded`, from any thread, without blocking.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        post: Callable[[StartFailed | EnginesEnded], object],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._engines = tuple(engines)
        self._post = post
        self._clock = clock
        self._hurry = threading.Event()
        self._threads: list[threading.Thread] = []
        self._started: list[Engine] = []
        self._stopping = False

    def start(self) -> None:
        """Start the engines, last one first: a demo's receiver listens before its sender connects."""
        self._spawn("console-start", self._start_engines)

    def request_stop(self) -> None:
        """Ask the engines to finish what they have; `EnginesEnded` follows. Again: no effect."""
        if not self._stopping:
            self._stopping = True
            self._spawn("console-stop", self._stop_engines)

    def stop_now(self) -> None:
        """End the engines wherever they are; `EnginesEnded` follows."""
        self._hurry.set()
        self.request_stop()

    def close(self) -> tuple[str, ...]:
        """End everything and wait for it, under a deadline; return the names of threads that outlived it."""
        self._hurry.set()
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S + 1.0)
        survivors = self._end_engines()
        return survivors + tuple(thread.name for thread in self._threads if thread.is_alive())

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _start_engines(self) -> None:
        for index, engine in reversed(tuple(enumerate(self._engines))):
            if self._hurry.is_set():
                return
            try:
                engine.start()
            except EscError as error:
                self._post(StartFailed(index, str(error)))
            else:
                self._started.append(engine)

    def _stop_engines(self) -> None:
        self._threads[0].join(STOP_TIMEOUT_S)
        # The sender goes first: what it still has in hand needs a receiver that listens.
        for engine in reversed(self._started):
            engine.request_stop()
            while not self._hurry.is_set() and not engine.wait(0):
                self._clock.wait(self._hurry, POLL_S)
        self._post(EnginesEnded(self._end_engines()))

    def _end_engines(self) -> tuple[str, ...]:
        return tuple(name for engine in tuple(self._started) for name in engine.stop(STOP_TIMEOUT_S))
