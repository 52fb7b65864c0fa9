"""Applies the rate policy to one stream: reads its send buffer, bounds it, and records what changed."""

import threading

from codec.chunks.packed import PackedChunk
from codec.container import EscHeader, thin_chunk
from net.protocol.messages import Feedback
from net.sender.rate_policy import RatePolicy, StreamShape
from net.sender.send_buffer import SendBuffer
from net.telemetry.meters import LevelHistory
from net.telemetry.stream_context import StreamContext


class RateController:
    """The number of streams, and how much may be in flight. Thread-safe."""

    def __init__(
        self, chosen: int, buffer: SendBuffer, context: StreamContext, *, adaptive: bool, timely: bool
    ) -> None:
        self.chosen = chosen
        """The number of streams that a person chose."""
        self._adaptive, self._timely = adaptive, timely
        self._buffer, self._clock, self._events = buffer, context.clock, context.events
        self._lock = threading.Lock()
        self._policy: RatePolicy | None = None
        self._header: EscHeader | None = None
        self._min_streams = 1
        self._levels = LevelHistory(context.clock)

    def begin_stream(self, header: EscHeader, history_chunks: int) -> None:
        """Set what holds for the whole stream, and how many chunks more the receiver needs to acknowledge one."""
        hop_s = header.plan.hop_samples / header.sample_rate
        shape = StreamShape(hop_s, history_chunks, header.kbps * 1000 / header.num_streams)
        now_s = self._clock.monotonic_s()
        with self._lock:
            self._header = header
            self._policy = RatePolicy(shape, self.chosen, now_s, adaptive=self._adaptive, timely=self._timely)
            self._buffer.begin_stream(hop_s, history_chunks)
            self._bound_in_flight(self._policy)

    @property
    def num_streams(self) -> int:
        """The streams of the next chunk."""
        policy = self._policy
        return policy.num_streams if policy else self.chosen

    @property
    def history(self) -> tuple[int, ...]:
        """The streams in each of the last seconds, oldest first."""
        return self._levels.values()

    def choose(self, num_streams: int) -> None:
        """Use so many streams, or at most so many where the link decides."""
        with self._lock:
            self.chosen = num_streams
            if self._policy:
                self._policy.choose(num_streams)
            self._levels.set(self.num_streams)

    def fit(self, chunk: PackedChunk) -> PackedChunk:
        """The chunk as it should be sent now: streams beyond those that the link carries are left out."""
        header, most = self._header, self.num_streams
        if not self._adaptive or header is None or chunk.num_streams <= most:
            return chunk
        return thin_chunk(chunk, header, most)

    def begin_connection(self, answer_s: float, connect_s: float) -> None:
        """Use fewer streams if a receiver took `answer_s` to accept, far longer than the round trip `connect_s`."""
        policy = self._policy
        assert policy is not None, "the stream begins before its first connection"
        with self._lock:
            before = policy.num_streams
            policy.begin_connection(answer_s, connect_s)
            self._bound_in_flight(policy)
        if policy.num_streams < before:
            self._events.info(f"streams {before} → {policy.num_streams}: the receiver took {answer_s:.1f} s to answer")

    def update(self, feedback: Feedback | None = None) -> None:
        """Decide anew, after a chunk was put into the send buffer or `feedback` has come."""
        policy = self._policy
        assert policy is not None, "the stream begins before its first chunk"
        with self._lock:
            if feedback is not None:
                self._min_streams = feedback.min_streams
            round_trip_ms = feedback.round_trip_ms if feedback else None
            before = policy.num_streams
            delivery = self._buffer.delivery()
            rate = policy.update(self._clock.monotonic_s(), delivery, round_trip_ms, self._min_streams)
            self._buffer.bound_in_flight(rate.in_flight_chunks)
            self._levels.set(rate.num_streams)
        if rate.num_streams < before:
            self._events.warning(f"streams {before} → {rate.num_streams}: the link is {rate.behind_s:.1f} s behind")
        elif rate.num_streams > before:
            self._events.info(f"streams {before} → {rate.num_streams}: the link is calm")

    def _bound_in_flight(self, policy: RatePolicy) -> None:
        self._buffer.bound_in_flight(policy.in_flight_chunks(self._buffer.delivery()))
