"""One engine of the console: its state to read, and a thread that carries out what keys ask of it."""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from codec.errors import EscError
from esc_tui.console.view import EngineView
from net.engine import Engine
from net.telemetry.stats import Role

MOST_WAITING_INTENTS = 16
JOIN_TIMEOUT_S = 1.0
POLL_S = 0.05

logger = logging.getLogger(__name__)


class EngineHandle:
    """Engine number `index` of the console. `start`, `finish` and `stop` block; `read` and `request` do not."""

    def __init__(self, index: int, engine: Engine) -> None:
        self.index = index
        self.engine = engine
        streams = engine.snapshots()
        self.role = streams[0].role if streams else Role.RECEIVER
        """What the engine is while it has no stream: only receivers have none at first."""
        self._start_error = ""
        self._started = False
        self._intents: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING_INTENTS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry_out, name=f"console-intents-{index}", daemon=True)

    def start(self) -> None:
        """Start the engine; where it cannot, `read` says why."""
        self._thread.start()
        try:
            self.engine.start()
        except EscError as error:
            self._start_error = str(error)
        else:
            self._started = True

    def stop(self, timeout_s: float) -> tuple[str, ...]:
        """End the engine wherever it is; return the names of threads that outlived the deadline. May be repeated."""
        survivors = self.engine.stop(timeout_s) if self._started else ()
        self._stopping.set()
        if self._thread.is_alive():
            with suppress(queue.Full):  # then the thread wakes after the intent that it carries out
                self._intents.put_nowait(None)
            self._thread.join(JOIN_TIMEOUT_S)
        return (*survivors, self._thread.name) if self._thread.is_alive() else survivors

    def finish(self, hurry: threading.Event) -> None:
        """Ask the engine to finish what it has, and wait until it has or `hurry` is set."""
        if self._started:
            self.engine.request_stop()
            while not self.engine.wait(0) and not hurry.wait(POLL_S):
                pass

    def request(self, intent: Callable[[], None]) -> bool:
        """Have `intent`, which may block, carried out after those before it; return False where too many wait."""
        try:
            self._intents.put_nowait(intent)
        except queue.Full:
            return False
        return True

    def read(self) -> EngineView:
        """The engine as it is now."""
        streams, error = self.engine.snapshots(), self.engine.error
        return EngineView(
            self.index,
            streams[0].role if streams else self.role,
            self.engine.title,
            streams,
            self.engine.wait(0),
            str(error) if error is not None else self._start_error,
        )

    def _carry_out(self) -> None:
        while (intent := self._intents.get()) is not None and not self._stopping.is_set():
            try:
                intent()
            except Exception:
                logger.exception("a key's request to the engine %s failed", self.engine.title)
