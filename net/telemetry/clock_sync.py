"""The round trip and the offset between two clocks, from PING and PONG, as NTP does it (RFC 5905, section 8)."""

import threading
from collections import deque
from dataclasses import dataclass

KEPT_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One exchange: the round trip without the peer's processing, and the peer's clock minus this one."""

    round_trip_s: float
    offset_s: float


class ClockSync:
    """The clock filter: of the last 8 exchanges the one with the shortest round trip gives the offset. Thread-safe."""

    def __init__(self) -> None:
        self._samples: deque[ClockSample] = deque(maxlen=KEPT_SAMPLES)
        self._lock = threading.Lock()

    def add(self, sent_s: float, received_s: float, replied_s: float, arrived_s: float) -> ClockSample:
        """Add an exchange: sent and arrived by this clock, received and replied by the peer's (seconds since 1970)."""
        round_trip_s = (arrived_s - sent_s) - (replied_s - received_s)
        offset_s = ((received_s - sent_s) + (replied_s - arrived_s)) / 2
        sample = ClockSample(max(0.0, round_trip_s), offset_s)
        with self._lock:
            self._samples.append(sample)
        return sample

    @property
    def offset_s(self) -> float | None:
        """The peer's clock minus this one, None before the first answer."""
        with self._lock:
            best = min(self._samples, key=lambda sample: sample.round_trip_s, default=None)
        return None if best is None else best.offset_s
