"""The one thread that reads the engines and publishes what it read, a few times a second."""

import threading
from collections.abc import Callable, Sequence

from textual.message import Message

from esc_tui.console.engine_handle import EngineHandle
from esc_tui.console.messages import EventsLogged, Published
from esc_tui.console.view import LoggedEvent, View
from net.runtime.clock import Clock

JOIN_TIMEOUT_S = 2.0


class Publisher:
    """Posts messages `refresh_hz` times a second, from a thread named "publisher".

    `post` may be called from any thread and must not block.
    """

    def __init__(
        self,
        engines: Sequence[EngineHandle],
        post: Callable[[Message], object],
        *,
        refresh_hz: float,
        clock: Clock,
    ) -> None:
        self._engines = tuple(engines)
        self._post = post
        self._period_s = 1.0 / refresh_hz
        self._clock = clock
        self._stopping = threading.Event()
        self._next_sequences = [0] * len(self._engines)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it. May be called again."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_TIMEOUT_S)

    def publish(self) -> None:
        """Post the engines' new events, then the engines as they are now."""
        events = self._new_events()
        if events:
            self._post(EventsLogged(events))
        self._post(Published(View(tuple(engine.read() for engine in self._engines), self._clock.epoch_s())))

    def _new_events(self) -> tuple[LoggedEvent, ...]:
        events: list[LoggedEvent] = []
        for number, handle in enumerate(self._engines):
            new = handle.engine.events_since(self._next_sequences[number])
            if new:
                self._next_sequences[number] = new[-1].sequence + 1
            events.extend(LoggedEvent(handle.index, event) for event in new)
        return tuple(sorted(events, key=lambda logged: logged.event.epoch_s))

    def _run(self) -> None:
        due_s = self._clock.monotonic_s()
        while not self._stopping.is_set():
            self.publish()
            due_s = max(due_s + self._period_s, self._clock.monotonic_s())
            self._clock.wait(self._stopping, due_s - self._clock.monotonic_s())
