"""The round trip and the offset between two clocks, from PING and PONG, as NTP does it (RFC 5905, section 8)."""

import threading
from collections import deque
from dataclasses import dataclass

KEPT_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One exchange: how long the bytes travelled, and the peer's clock minus ours."""

    round_trip_s: float
    offset_s: float


class ClockSync:
    """Keeps the last exchanges; the one with the shortest round trip tells the offset best."""

    def __init__(self) -> None:
        self._samples: deque[ClockSample] = deque(maxlen=KEPT_SAMPLES)
        self._lock = threading.Lock()

    def add(self, sent_s: float, received_s: float, replied_s: float, arrived_s: float) -> ClockSample:
        """Add an exchange: sent and arrived by our clock, received and replied by the peer's (seconds since 1970)."""
        round_trip_s = (arrived_s - sent_s) - (replied_s - received_s)
        offset_s = ((received_s - sent_s) + (replied_s - arrived_s)) / 2
        sample = ClockSample(max(0.0, round_trip_s), offset_s)
        with self._lock:
            self._samples.append(sample)
        return sample

    @property
    def offset_s(self) -> float | None:
        """The peer's clock minus ours, None before the first answer."""
        with self._lock:
            if not self._samples:
                return None
            return min(self._samples, key=lambda sample: sample.round_trip_s).offset_s
