"""Events that may happen again and again, as peers or devices please: reported once, then counted."""

import threading
from dataclasses import dataclass
from typing import Final

from net.runtime.clock import Clock
from net.telemetry.events import EventLog
from net.telemetry.stats import Severity

REPORT_EVERY_S: Final = 5.0
MAX_KINDS: Final = 64
"""Kinds that are kept apart; beyond these, one thing that happens to several is counted together."""


@dataclass(slots=True)
class _Kind:
    reported_s: float
    severity: Severity
    text: str
    stream_id: str
    repetitions: int = 0


class EventThrottle:
    """Reports the first event of a kind at once, and those that follow within 5 s together.

    A kind is `what` happened, and to `whom`. Any thread may call any method.
    """

    def __init__(self, events: EventLog, clock: Clock) -> None:
        self._events, self._clock = events, clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def add(self, severity: Severity, what: str, whom: str, text: str, stream_id: str = "") -> None:
        """Report an event, or count it: `poll` then reports the newest one's text and how many there were."""
        with self._lock:
            crowded = (what, whom) not in self._kinds and len(self._kinds) >= MAX_KINDS
            key = (what, "" if crowded else whom)
            kind = self._kinds.get(key)
            if kind is None:
                self._kinds[key] = _Kind(self._clock.monotonic_s(), severity, text, stream_id)
                self._events.for_stream(stream_id).add(severity, text)
                return
            kind.severity, kind.text, kind.stream_id = severity, text, stream_id
            kind.repetitions += 1

    def poll(self, *, at_once: bool = False) -> None:
        """Report what was counted and is due, forget what did not happen again; with `at_once` all, at the end."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            for key, kind in list(self._kinds.items()):
                if now_s - kind.reported_s < REPORT_EVERY_S and not at_once:
                    continue
                if kind.repetitions:
                    times = f" ({kind.repetitions} times more)" if kind.repetitions > 1 else ""
                    self._events.for_stream(kind.stream_id).add(kind.severity, kind.text + times)
                    kind.repetitions, kind.reported_s = 0, now_s
                else:
                    del self._kinds[key]
