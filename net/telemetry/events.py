"""The engine's log of events: bounded, and readable from any thread."""

import copy
import logging
import threading
from collections import deque
from itertools import count, islice

from net.runtime.clock import Clock
from net.telemetry.stats import Event, Severity
from net.text import printable

KEPT_EVENTS = 10_000
MAX_TEXT_CHARS = 2000

logger = logging.getLogger(__name__)

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}


class EventLog:
    """The last 10,000 events of an engine; each also goes to this module's logger. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._numbers = count()
        self.stream_id = ""
        """Of the stream whose events are recorded; empty: of the engine itself."""

    def for_stream(self, stream_id: str) -> "EventLog":
        """The same log, for the events of one stream."""
        log = copy.copy(self)
        log.stream_id = stream_id
        return log

    def add(self, severity: Severity, text: str) -> None:
        """Record an event of just now; its text is made printable, since a peer may have a part in it."""
        text = printable(text, MAX_TEXT_CHARS)
        with self._lock:
            self._events.append(Event(next(self._numbers), self._clock.epoch_s(), severity, text, self.stream_id))
        logger.log(_LEVELS[severity], "%s", text)

    def info(self, text: str) -> None:
        """Record an expected event."""
        self.add(Severity.INFO, text)

    def warning(self, text: str) -> None:
        """Record an event that a person should look at."""
        self.add(Severity.WARNING, text)

    def error(self, text: str) -> None:
        """Record an event that ended a stream or lost something."""
        self.add(Severity.ERROR, text)

    def since(self, sequence: int) -> tuple[Event, ...]:
        """The kept events numbered `sequence` and above."""
        with self._lock:
            first = self._events[0].sequence if self._events else 0
            return tuple(islice(self._events, max(0, sequence - first), None))
