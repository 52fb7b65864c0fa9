"""The sender's clock compared with this machine's: round trips, and when a stream's sound was captured."""

import threading
from collections import deque

from codec.chunks.packed import PackedChunk
from net.protocol.messages import Ping, Pong
from net.telemetry.stream_context import StreamContext

KEPT_EXCHANGES = 8


class ClockSync:
    """The clock filter of NTP (RFC 5905, section 8), and the latencies from capture that it allows to measure.

    Of the last 8 exchanges of PING and PONG the one with the shortest round trip gives the offset between the clocks.
    Any thread may call any method.
    """

    def __init__(self, context: StreamContext) -> None:
        self._context = context
        self._exchanges: deque[tuple[float, float]] = deque(maxlen=KEPT_EXCHANGES)
        """Round trip without the sender's processing, and the sender's clock minus ours, in seconds."""
        self._offset_s: float | None = None
        self._lock = threading.Lock()

    def ping(self, number: int) -> Ping:
        """A ping that leaves now."""
        return Ping(number, self._context.clock.epoch_s())

    def compare(self, pong: Pong) -> None:
        """Compare the clocks by the answer to one of our pings, which came just now."""
        now_s, meters = self._context.clock.epoch_s(), self._context.meters
        round_trip_s = max(0.0, (now_s - pong.sent_s) - (pong.replied_s - pong.received_s))
        offset_s = ((pong.received_s - pong.sent_s) + (pong.replied_s - now_s)) / 2
        with self._lock:
            self._exchanges.append((round_trip_s, offset_s))
            self._offset_s = min(self._exchanges)[1]
        meters.round_trip.add(round_trip_s)
        meters.set_clock_offset(self._offset_s * 1000)

    def local_s(self, capture_s: float | None) -> float | None:
        """When a sample was captured that has this time in the stream, by our clock; None where that is not known."""
        offset_s = self._offset_s
        return None if offset_s is None or capture_s is None else self._context.epoch_s + capture_s - offset_s

    def measure(self, stage: str, chunk: PackedChunk) -> None:
        """Count the latency from the capture of a chunk to its arrival at a stage, just now."""
        captured_s = self.local_s(chunk.capture_s)
        if captured_s is not None:
            self._context.meters.latencies[stage].add(self._context.clock.epoch_s() - captured_s)
