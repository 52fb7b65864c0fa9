"""The engine's log of events: bounded, and readable from any thread."""

import logging
import threading
from collections import deque
from itertools import islice

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
        self._next = 0

    def add(self, severity: Severity, text: str, stream_id: str = "") -> None:
        """Record an event of just now; its text is made printable, since a peer may have a part in it."""
        text = printable(text, MAX_TEXT_CHARS)
        with self._lock:
            self._events.append(Event(self._next, self._clock.epoch_s(), severity, text, stream_id))
            self._next += 1
        logger.log(_LEVELS[severity], "%s", text)

    def info(self, text: str, stream_id: str = "") -> None:
        """Record an expected event."""
        self.add(Severity.INFO, text, stream_id)

    def warning(self, text: str, stream_id: str = "") -> None:
        """Record an event that a person should look at."""
        self.add(Severity.WARNING, text, stream_id)

    def error(self, text: str, stream_id: str = "") -> None:
        """Record an event that ended a stream or lost something."""
        self.add(Severity.ERROR, text, stream_id)

    def since(self, sequence: int) -> tuple[Event, ...]:
        """The kept events numbered `sequence` and above."""
        with self._lock:
            first = self._next - len(self._events)
            return tuple(islice(self._events, max(0, sequence - first), None))
