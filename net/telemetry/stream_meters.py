"""What one end of a stream counts and times: its stages feed it, snapshots and feedback are read from it."""

import threading
from collections import Counter
from collections.abc import Iterable

from net.runtime.clock import Clock
from net.telemetry.meters import CodecMeter, DurationMeter, RateMeter
from net.telemetry.sound import SoundMeter


class StreamMeters:
    """Counters, rates, durations and the sound of one stream. Any thread may call any method.

    `coding` names what the codec does at this end, `latencies` the stages up to which the time from capture is
    measured. Counters are named as the fields of `SenderChunks` and `ReceiverChunks`, and begin at 0.
    """

    def __init__(self, clock: Clock, sample_rate: int, coding: str, latencies: Iterable[str]) -> None:
        self.sample_rate = sample_rate
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self.clock_offset_ms: float | None = None
        """How far the peer's clock is ahead; None while that is not known."""
        self.payload = RateMeter("payload", clock)
        self.wire = RateMeter("wire", clock)
        self.coding = CodecMeter(coding, sample_rate, clock)
        self.latencies = {name: DurationMeter(name, clock) for name in latencies}
        self.round_trip = DurationMeter("round trip", clock)
        self.sending = DurationMeter("send", clock)
        """Of each write to the socket."""
        self.sound = SoundMeter(sample_rate)

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += amount

    def set(self, **counts: int) -> None:
        """Set counters, all at once."""
        with self._lock:
            for name, value in counts.items():
                self._counts[name] = value

    def __getitem__(self, name: str) -> int:
        """The counter's value."""
        with self._lock:
            return self._counts[name]

    def counts(self, *names: str) -> dict[str, int]:
        """The values of some counters at one moment, by name."""
        with self._lock:
            return {name: self._counts[name] for name in names}

    def set_clock_offset(self, offset_ms: float) -> None:
        """Set how far the peer's clock is ahead."""
        self.clock_offset_ms = offset_ms

    def start(self) -> None:
        """Begin the time that the average rates cover; only the first call counts."""
        self.payload.start()
        self.wire.start()

    def stop(self) -> None:
        """End the time that the average rates cover; only the first call counts."""
        self.payload.stop()
        self.wire.stop()
