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
    """Keeps the last 10,000 events. They also go to the logger `net.events`, for those who keep log files."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._next = 0

    def add(self, severity: Severity, text: str, stream_id: str = "") -> None:
        """Record that something happened just now; what a peer may have put into the text is made printable."""
        text = printable(text, MAX_TEXT_CHARS)
        with self._lock:
            self._events.append(Event(self._next, self._clock.epoch_s(), severity, text, stream_id))
            self._next += 1
        logger.log(_LEVELS[severity], "%s", text)

    def info(self, text: str, stream_id: str = "") -> None:
        """Record what was to be expected."""
        self.add(Severity.INFO, text, stream_id)

    def warning(self, text: str, stream_id: str = "") -> None:
        """Record what someone should look at."""
        self.add(Severity.WARNING, text, stream_id)

    def error(self, text: str, stream_id: str = "") -> None:
        """Record what ended a stream or lost something."""
        self.add(Severity.ERROR, text, stream_id)

    def since(self, sequence: int) -> tuple[Event, ...]:
        """The kept events numbered `sequence` and above."""
        with self._lock:
            first = self._next - len(self._events)
            return tuple(islice(self._events, max(0, sequence - first), None))
