"""The one thread that reads the engines and tells the console, a few times a second."""

import threading
from collections.abc import Callable, Sequence

from esc_tui.console.messages import Published
from esc_tui.console.view import EngineReader, LoggedEvent, View
from net.runtime.clock import SYSTEM_CLOCK, Clock

JOIN_TIMEOUT_S = 2.0


class Publisher:
    """Posts a `Published` message `refresh_hz` times a second, from a thread named "publisher".

    Messages that the console has not read yet are replaced by newer ones, so each carries every event since those that
    `acknowledge` last confirmed. `post` may be called from any thread and must not block.
    """

    def __init__(
        self,
        readers: Sequence[EngineReader],
        post: Callable[[Published], object],
        *,
        refresh_hz: float = 8.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._readers = tuple(readers)
        self._post = post
        self._period_s = 1.0 / refresh_hz
        self._clock = clock
        self._stopping = threading.Event()
        self._acknowledged = (0,) * len(self._readers)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """End the thread and wait for it; tell whether it has ended. May be called again."""
        self._stopping.set()
        if self._thread is None:
            return True
        self._thread.join(JOIN_TIMEOUT_S)
        return not self._thread.is_alive()

    def acknowledge(self, next_sequences: tuple[int, ...]) -> None:
        """Take note that the console has all events before these numbers, one an engine."""
        self._acknowledged = next_sequences

    def read(self) -> Published:
        """The engines as they are now."""
        events: list[LoggedEvent] = []
        next_sequences = []
        for reader, first in zip(self._readers, self._acknowledged, strict=True):
            new = reader.engine.events_since(first)
            events.extend(LoggedEvent(reader.index, event) for event in new)
            next_sequences.append(new[-1].sequence + 1 if new else first)
        events.sort(key=lambda logged: logged.event.epoch_s)
        view = View(tuple(reader.read() for reader in self._readers), self._clock.epoch_s())
        return Published(view, tuple(events), tuple(next_sequences))

    def _run(self) -> None:
        due_s = self._clock.monotonic_s()
        while not self._stopping.is_set():
            self._post(self.read())
            due_s = max(due_s + self._period_s, self._clock.monotonic_s())
            self._clock.wait(self._stopping, due_s - self._clock.monotonic_s())
