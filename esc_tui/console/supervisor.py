"""Starts and stops the engines on threads of its own, so that the console never waits for them."""

import threading
from collections.abc import Callable, Sequence

from esc_tui.console.engine_handle import EngineHandle
from esc_tui.console.messages import EnginesEnded

STOP_TIMEOUT_S = 5.0


class Supervisor:
    """Owns the life of the engines: start, an orderly stop, a stop at once; each returns immediately, `close` does not.

    `post` takes `EnginesEnded` from any thread, without blocking.
    """

    def __init__(self, engines: Sequence[EngineHandle], post: Callable[[EnginesEnded], object]) -> None:
        self._engines = tuple(engines)
        self._post = post
        self._hurry = threading.Event()
        self._start = threading.Thread(target=self._start_engines, name="console-start", daemon=True)
        self._stop = threading.Thread(target=self._stop_engines, name="console-stop", daemon=True)

    def start(self) -> None:
        """Start the engines, last one first: a demo's receiver listens before its sender connects."""
        self._start.start()

    def stop(self, *, now: bool) -> None:
        """Let the engines finish what they have, or end them wherever they are; `EnginesEnded` follows, once."""
        if now:
            self._hurry.set()
        if self._stop.ident is None:
            self._stop.start()

    def close(self) -> tuple[str, ...]:
        """End everything and wait for it, under a deadline; return the names of threads that outlived it."""
        self._hurry.set()
        threads = [thread for thread in (self._start, self._stop) if thread.ident is not None]
        for thread in threads:
            thread.join(STOP_TIMEOUT_S + 1.0)
        survivors = self._end_engines()
        return survivors + tuple(thread.name for thread in threads if thread.is_alive())

    def _start_engines(self) -> None:
        for engine in reversed(self._engines):
            if not self._hurry.is_set():
                engine.start()

    def _stop_engines(self) -> None:
        self._start.join(STOP_TIMEOUT_S)
        # The sender goes first: what it still has in hand needs a receiver that listens.
        for engine in self._engines:
            engine.finish(self._hurry)
        self._post(EnginesEnded(self._end_engines()))

    def _end_engines(self) -> tuple[str, ...]:
        return tuple(name for engine in self._engines for name in engine.stop(STOP_TIMEOUT_S))
