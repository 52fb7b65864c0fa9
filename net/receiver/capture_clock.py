"""When a stream's sound was captured, by this machine's clock: known once the sender has answered a ping."""

from codec.chunks.packed import PackedChunk
from net.protocol.messages import Hello, Ping, Pong
from net.telemetry.clock_sync import ClockSync
from net.telemetry.stream_context import StreamContext


class CaptureClock:
    """Compares the sender's clock with ours, and measures latencies from capture. Any thread may call any method."""

    def __init__(self, hello: Hello, context: StreamContext) -> None:
        self._hello, self._context = hello, context
        self._sync = ClockSync()

    @property
    def offset_ms(self) -> float | None:
        """The sender's clock minus ours; None until they were compared."""
        offset_s = self._sync.offset_s
        return None if offset_s is None else offset_s * 1000

    def ping(self, number: int) -> Ping:
        """A ping that leaves now."""
        return Ping(number, self._context.clock.epoch_s())

    def answer(self, ping: Ping) -> Pong:
        """The answer to the sender's ping, which came just now."""
        now_s = self._context.clock.epoch_s()
        return Pong(ping.id, ping.sent_s, now_s, now_s)

    def compare(self, pong: Pong) -> None:
        """Compare the clocks by the answer to one of our pings."""
        now_s = self._context.clock.epoch_s()
        sample = self._sync.add(pong.sent_s, pong.received_s, pong.replied_s, now_s)
        self._context.meters.round_trip.add(sample.round_trip_s)

    def local_s(self, capture_s: float | None) -> float | None:
        """When a sample was captured that has this time in the stream, by our clock; None where that is not known."""
        offset_s = self._sync.offset_s
        return None if offset_s is None or capture_s is None else self._hello.epoch_s + capture_s - offset_s

    def measure(self, stage: str, chunk: PackedChunk) -> None:
        """Count the latency from the capture of a chunk to its arrival at a stage, just now."""
        captured_s = self.local_s(chunk.capture_s)
        if captured_s is not None:
            self._context.meters.latencies[stage].add(self._context.clock.epoch_s() - captured_s)
