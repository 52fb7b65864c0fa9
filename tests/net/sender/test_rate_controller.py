"""What may be in flight, and with how many streams, on a link that takes its time: on a clock that the tests own."""

from dataclasses import replace

from codec.chunks.packed import PackedChunk
from codec.chunks.plan import Stitching
from codec.container import EscHeader
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from tests.clock import FakeClock
from tests.net.contexts import sender_context
from tests.net.protocol.exchange import feedback

CHUNK_S = 0.3
STEP_S = 0.05
CHUNK = PackedChunk(
    index=0, samples=4800, num_streams=6, tail=False, silence_dbfs=None, capture_s=0.0, payload=bytes(270)
)
STREAM = EscHeader(
    fingerprint="0123456789abcdef",
    model="tiny",
    sample_rate=16000,
    num_streams=6,
    groups=3,
    bits_per_code=8,
    frame_samples=320,
    chunk_samples=CHUNK.samples,
    overlap_samples=0,
    stitching=Stitching.SEAMLESS,
)


class LongWay:
    """A stream that adapts, spoken at its pace, to a receiver that is a long but wide way away."""

    def __init__(self, clock: FakeClock, round_trip_s: float) -> None:
        self.buffer = SendBuffer(1000, 1000, clock)
        self.rate = RateController(6, self.buffer, sender_context(clock), adaptive=True, timely=True)
        self.rate.begin_stream(STREAM, 1)
        self.rate.begin_connection(round_trip_s + 0.2, round_trip_s)
        self._clock, self._round_trip_s = clock, round_trip_s
        self._next = 0
        self._arriving: list[tuple[float, int]] = []

    @property
    def waiting(self) -> int:
        """Chunks that the buffer holds back."""
        return self.buffer.stats()[0].depth

    def stream(self, duration_s: float, *, stalled: bool = False) -> None:
        """Speak for so long; nothing comes back while the way is stalled."""
        end_s = self._clock.monotonic_s() + duration_s
        while self._clock.monotonic_s() < end_s:
            self.buffer.put(replace(CHUNK, index=self._next))
            self.rate.update()
            self._next += 1
            for _ in range(round(CHUNK_S / STEP_S)):
                self._send()
                self._clock.advance(STEP_S)
                if not stalled:
                    self._take_answers()

    def _send(self) -> None:
        waiting, in_flight = self.buffer.stats()
        for _ in range(min(waiting.depth, in_flight.capacity - in_flight.depth)):
            outgoing = self.buffer.next()
            assert outgoing is not None
            assert isinstance(outgoing.message, PackedChunk)
            self.buffer.mark_sent(outgoing.message.index, len(outgoing.message.payload))
            self._arriving.append((self._clock.monotonic_s() + self._round_trip_s, outgoing.message.index))

    def _take_answers(self) -> None:
        """A chunk is acknowledged when the next one has come."""
        while self._arriving and self._arriving[0][0] <= self._clock.monotonic_s():
            _, index = self._arriving.pop(0)
            self.buffer.acknowledge(index)
            self.rate.update(feedback(acknowledged=index, round_trip_ms=self._round_trip_s * 1000))


def test_a_long_way_costs_no_streams_and_lets_nothing_wait(clock: FakeClock) -> None:
    """Over a way of 1 s there and back all streams are sent, each chunk as soon as it is spoken."""
    way = LongWay(clock, 1.0)
    way.stream(20)
    assert set(way.rate.history) == {6}
    assert way.waiting == 0


def test_a_long_way_catches_up_after_a_stall(clock: FakeClock) -> None:
    """What may be in flight grows with what the link delivers: the stream is not held to the pace of speech."""
    way = LongWay(clock, 1.0)
    way.stream(10)
    way.stream(6, stalled=True)
    assert way.waiting > 10
    way.stream(10)
    assert way.waiting == 0


def test_a_lost_packet_costs_one_stream(clock: FakeClock) -> None:
    """It holds everything up for two round trips or so, and says little of what the link carries."""
    way = LongWay(clock, 0.5)
    way.stream(10)
    for _ in range(3):
        way.stream(1.2, stalled=True)
        assert way.rate.num_streams == 5
        way.stream(5)
        assert way.rate.num_streams == 6
    way.stream(3, stalled=True)
    assert way.rate.num_streams <= 3


def test_an_answer_that_is_late_by_more_than_a_round_trip_halves_the_streams(clock: FakeClock) -> None:
    """The link looks slow from the start, where the answer took longer than the way there and back."""
    way = LongWay(clock, 1.0)
    assert way.rate.num_streams == 6
    way.rate.begin_connection(1.5, 1.0)
    assert way.rate.num_streams == 3


def test_what_waits_longer_than_the_link_carries_is_thinned(clock: FakeClock) -> None:
    """Chunks that were encoded before a step down leave with the streams of now; without adaptation as they are."""
    way = LongWay(clock, 0.5)
    assert way.rate.fit(CHUNK) is CHUNK
    way.rate.choose(2)
    assert way.rate.fit(CHUNK).num_streams == 2
    fixed = RateController(2, way.buffer, sender_context(clock), adaptive=False, timely=True)
    fixed.begin_stream(STREAM, 1)
    assert fixed.fit(CHUNK) is CHUNK
