"""One received stream: decoded, stitched and saved. It outlives the connections that bring it."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from codec.bitstream import unpack_codes
from codec.chunks import ChunkPlan
from codec.errors import EscError
from codec.streaming import ChunkDecoder, CodedChunk, Contribution, code_frames
from net.clock import Clock
from net.clock_sync import ClockSync
from net.errors import ConnectionLost, RemoteProtocolError
from net.events import EventLog
from net.messages import Chunk, End, Feedback, Hello, Ping, Pong
from net.meters import CodecMeter, DurationMeter, ProcessMeter, RateMeter
from net.pipeline import Pipeline, StageQueue
from net.sinks.wav import Sink
from net.sound import SoundMeter
from net.stats import LinkState, ReceiverChunks, Role, StreamStats
from net.status import StreamStatus, eta_s

if TYPE_CHECKING:
    from codec import Codec


class StreamSession:
    """Takes the chunks of one stream in order, over as many connections as it takes, and writes them to sinks."""

    def __init__(
        self,
        hello: Hello,
        codec: "Codec",
        sinks: Sequence[Sink],
        *,
        clock: Clock,
        events: EventLog,
        process: ProcessMeter,
        window_chunks: int,
    ) -> None:
        self.hello = hello
        self.stream_id = hello.stream_id.hex()
        self.plan = ChunkPlan(hello.chunk_samples, hello.overlap_samples)
        self.status = StreamStatus(clock)
        self.peer = ""
        self.wire = RateMeter("wire", clock)
        self.sent = RateMeter("sent", clock)
        self._codec, self._sinks = codec, sinks
        self._clock, self._events, self._process = clock, events, process
        self._decoder = ChunkDecoder(codec, self.plan)
        self._pipeline = Pipeline(f"receiver-{self.stream_id[:4]}", clock)
        self._to_decode: StageQueue[Chunk] = self._pipeline.add_queue("decode", window_chunks)
        self._to_save: StageQueue[Contribution] = self._pipeline.add_queue("save", window_chunks)
        self._pipeline.add_stage("decode", self._decode_chunks)
        self._pipeline.add_stage("save", self._save_contributions)
        self._lock = threading.Lock()
        self._end: End | None = None
        self._gave_up: ConnectionLost | None = None
        self.next_index = 0
        """The chunk that is expected next."""
        self._received = self._decoded = self._stitched = self._saved = self._lost = self._refused = 0
        self._acknowledged = self._saved_samples = 0
        self._num_streams = hello.num_streams
        self._payload = RateMeter("payload", clock)
        self._decoding = CodecMeter("decode", hello.sample_rate, clock)
        self._latencies = {name: DurationMeter(name, clock) for name in ("received", "decoded")}
        self._round_trip = DurationMeter("round trip", clock)
        self._clock_sync = ClockSync()
        self._sound = SoundMeter(hello.sample_rate)
        self._reported_decoded = 0

    def start(self) -> None:
        """Start decoding and saving."""
        self._pipeline.start()

    def begin(self) -> None:
        """Take that a connection carries the stream from now on."""
        self.wire.start()
        self._payload.start()
        self.status.set(LinkState.STREAMING)

    @property
    def ended(self) -> bool:
        """Whether everything that came is decoded and saved, or the session failed."""
        return self._pipeline.ended.is_set()

    @property
    def error(self) -> BaseException | None:
        """What ended the session early."""
        return self._pipeline.error or self._gave_up

    @property
    def complete(self) -> bool:
        """Whether the sender's END came and everything before it is saved."""
        return self.ended and self.error is None and self._end is not None and not self._pipeline.stopping.is_set()

    @property
    def end_taken(self) -> bool:
        """Whether the sender's END has come."""
        return self._end is not None

    def take_chunk(self, chunk: Chunk) -> None:
        """Take the next chunk; waits while the decoder is behind. Raises `PipelineStopped`."""
        self._latencies_add("received", chunk)
        self._payload.add(len(chunk.payload))
        self._to_decode.put(chunk)
        with self._lock:
            self.next_index = chunk.index + 1
            self._received += 1
            self._num_streams = chunk.num_streams or self._num_streams

    def take_end(self, end: End) -> None:
        """Take that no chunk will follow."""
        with self._lock:
            self._end = end
            self.next_index = max(self.next_index, end.chunks)
        self.status.set(LinkState.DRAINING)
        self._to_decode.finish()

    def close_early(self, reason: str) -> None:
        """Save what has come and end: the sender will not go on."""
        with self._lock:
            if self._gave_up is not None or self._end is not None:
                return
            self._gave_up = ConnectionLost(reason)
        self.status.set(LinkState.FAILED, reason)
        self._events.warning(f"{self.hello.name}: {reason}; what had come is saved", self.stream_id)
        self._to_decode.finish()

    def abort(self) -> None:
        """End now, without decoding what waits."""
        self._pipeline.abort()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait for the stages; return the names of those still alive."""
        return self._pipeline.join(timeout_s)

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is saved; tell whether it is."""
        return self._pipeline.ended.wait(timeout_s)

    def take_pong(self, pong: Pong) -> None:
        """Take the answer to one of our pings."""
        sample = self._clock_sync.add(pong, self._clock.epoch_s())
        self._round_trip.add(sample.round_trip_s)

    def make_ping(self, number: int) -> Ping:
        """A ping that tells when it leaves."""
        return Ping(number, self._clock.epoch_s())

    def feedback(self) -> Feedback:
        """How this session stands, for its sender. Latencies are told once for each newly decoded chunk."""
        queue = self._to_decode.stats()
        with self._lock:
            fresh = self._decoded > self._reported_decoded
            self._reported_decoded = self._decoded
            offset_s = self._clock_sync.offset_s
            return Feedback(
                received=self._received,
                decoded=self._decoded,
                played=0,
                acknowledged=self._acknowledged,
                lost=self._lost,
                queue_depth=queue.depth,
                queue_capacity=queue.capacity,
                decode_ms=self._decoding.latest_ms,
                decoded_latency_ms=self._latencies["decoded"].latest_ms if fresh else None,
                heard_latency_ms=None,
                round_trip_ms=self._round_trip.latest_ms if fresh else None,
                clock_offset_ms=None if offset_s is None else offset_s * 1000,
                finished=self.complete,
                min_streams=1,
            )

    def snapshot(self) -> StreamStats:
        """The stream as of now."""
        hello, codec = self.hello, self._codec
        total_s = None if hello.total_samples is None else hello.total_samples / hello.sample_rate
        audio_s, on_air_s = self._saved_samples / hello.sample_rate, self.status.on_air_s
        offset_s = self._clock_sync.offset_s
        return StreamStats(
            role=Role.RECEIVER,
            stream_id=self.stream_id,
            state=self.status.state,
            reason=str(self.error) if self.error else self.status.reason,
            epoch_s=self._clock.epoch_s(),
            source=hello.name,
            peer=self.peer,
            model=codec.name,
            fingerprint=codec.fingerprint,
            sample_rate=hello.sample_rate,
            num_streams=self._num_streams,
            max_streams=hello.num_streams,
            nominal_kbps=codec.kbps(self._num_streams),
            stitching=hello.stitching,
            chunk_ms=hello.chunk_samples * 1000 / hello.sample_rate,
            overlap_ms=hello.overlap_samples * 1000 / hello.sample_rate,
            on_air_s=on_air_s,
            audio_s=audio_s,
            total_s=total_s,
            eta_s=eta_s(audio_s, total_s, on_air_s),
            payload=self._payload.stats(),
            wire=self.wire.stats(),
            queues=(self._to_decode.stats(), self._to_save.stats()),
            latencies=tuple(meter.stats() for meter in self._latencies.values()),
            round_trip=self._round_trip.stats(),
            clock_offset_ms=None if offset_s is None else offset_s * 1000,
            chunks=self._chunk_counts(),
            codec=self._decoding.stats(),
            process=self._process.stats(),
            sound=self._sound.stats(),
            files=tuple(str(sink.path) for sink in self._sinks),
        )

    def _chunk_counts(self) -> ReceiverChunks:
        with self._lock:
            return ReceiverChunks(
                received=self._received,
                decoded=self._decoded,
                stitched=self._stitched,
                saved=self._saved,
                lost=self._lost,
                refused=self._refused,
            )

    # Stages: each method below runs in a thread of its own.

    def _decode_chunks(self) -> None:
        expected = 0
        for chunk in self._to_decode:
            expected = self._fill_gap(expected, chunk.index)
            contribution = self._decode(chunk)
            self._latencies_add("decoded", chunk)
            with self._lock:
                self._decoded += 1
            self._hand_on(contribution)
            expected += 1
        if self._end is not None:
            self._fill_gap(expected, self._end.chunks)
        self._hand_on(self._decoder.finish())
        self._to_save.finish()

    def _decode(self, chunk: Chunk) -> Contribution:
        if chunk.silence_dbfs is not None:
            return self._decoder.push_silence(chunk.index, chunk.samples)
        codec = self._codec
        frames = code_frames(chunk.samples, chunk.tail)
        try:
            codes = unpack_codes(chunk.payload, chunk.num_streams, codec.groups, frames, codec.bits_per_code)
        except ValueError as error:
            raise RemoteProtocolError(f"the codes of chunk {chunk.index} are broken: {error}") from error
        with self._decoding.time(chunk.samples):
            return self._decoder.push(CodedChunk(chunk.index, chunk.samples, codes, chunk.tail))

    def _fill_gap(self, expected: int, index: int) -> int:
        if expected < index:
            self._events.warning(f"{index - expected} chunks were lost, silence stands for them", self.stream_id)
        for missing in range(expected, index):
            self._hand_on(self._decoder.push_silence(missing, self._missing_samples(missing)))
            with self._lock:
                self._lost += 1
        return index

    def _missing_samples(self, index: int) -> int:
        end = self._end
        if end is not None and index == end.chunks - 1:
            return end.samples - self.plan.start(index)
        return self.plan.chunk_samples

    def _hand_on(self, contribution: Contribution) -> None:
        self._sound.push(contribution.audio)
        with self._lock:
            self._stitched = contribution.index + 1
        self._to_save.put(contribution)

    def _save_contributions(self) -> None:
        try:
            for contribution in self._to_save:
                for sink in self._sinks:
                    sink.write(contribution)
                with self._lock:
                    self._saved = self._acknowledged = contribution.index + 1
                    self._saved_samples += len(contribution.audio)
        finally:
            self._close_sinks()
            self._end_status()

    def _close_sinks(self) -> None:
        for sink in self._sinks:
            try:
                sink.close()
            except EscError as error:
                self._pipeline.fail(error)

    def _end_status(self) -> None:
        self._payload.stop()
        self.wire.stop()
        if self.error is not None:
            self.status.set(LinkState.FAILED, str(self.error))
        elif self._pipeline.stopping.is_set():
            self.status.set(LinkState.FAILED, "stopped before the end")
        elif self._end is not None and not self._end.complete:
            self.status.set(LinkState.DONE, "the sender stopped early")
        else:
            self.status.set(LinkState.DONE)

    def _latencies_add(self, name: str, chunk: Chunk) -> None:
        """Latencies are known once the sender's clock is."""
        offset_s = self._clock_sync.offset_s
        if offset_s is not None:
            self._latencies[name].add(self._clock.epoch_s() + offset_s - self.hello.epoch_s - chunk.capture_s)
