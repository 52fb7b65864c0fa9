"""What peers can make happen again and again: told once, then counted, so that nobody floods the log."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from net.runtime.clock import Clock
from net.telemetry.events import EventLog
from net.telemetry.stats import Severity

TELL_EVERY_S: Final = 5.0
MAX_KINDS: Final = 64
"""Kinds that are kept apart; what more peers do at once is counted together."""


@dataclass(slots=True)
class _Kind:
    severity: Severity
    text: str
    stream_id: str
    told_s: float
    untold: int = 0


class EventThrottle:
    """The first event of a kind is told at once; those that follow within 5 s together, with the newest one's text.

    A kind is what happened, and to whom. Any thread may add; `tend` must be called again and again.
    """

    def __init__(self, events: EventLog, clock: Clock) -> None:
        self._events, self._clock = events, clock
        self._lock = threading.Lock()
        self._kinds: OrderedDict[tuple[str, str], _Kind] = OrderedDict()

    def add(self, severity: Severity, what: str, whom: str, text: str, stream_id: str = "") -> None:
        """Tell or count an event."""
        with self._lock:
            key = (what, whom)
            if key not in self._kinds and len(self._kinds) >= MAX_KINDS:
                key = (what, "")
            kind = self._kinds.get(key)
            if kind is not None:
                kind.untold += 1
                kind.severity, kind.text, kind.stream_id = severity, text, stream_id
                return
            self._kinds[key] = _Kind(severity, text, stream_id, self._clock.monotonic_s())
            self._events.add(severity, text, stream_id)

    def tend(self, *, at_once: bool = False) -> None:
        """Tell what was counted and is due, and forget what has not happened again; `at_once` at the end."""
        due_s = self._clock.monotonic_s() - TELL_EVERY_S
        with self._lock:
            for key, kind in list(self._kinds.items()):
                if kind.told_s > due_s and not at_once:
                    continue
                if kind.untold:
                    self._tell(kind)
                    kind.untold, kind.told_s = 0, self._clock.monotonic_s()
                else:
                    del self._kinds[key]

    def _tell(self, kind: _Kind) -> None:
        again = f" ({kind.untold} times more)" if kind.untold > 1 else ""
        self._events.add(kind.severity, kind.text + again, kind.stream_id)
