"""What a receiver counts and times of one stream. Stages feed it, snapshots and feedback are read from it."""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from codec.chunks.packed import PackedChunk
from codec.chunks.streaming import Contribution
from net.protocol.messages import Feedback, Hello, Pong
from net.receiver.sinks.player import Player
from net.runtime.clock import Clock
from net.runtime.queues import QueueStats
from net.telemetry.clock_sync import ClockSync
from net.telemetry.meters import CodecMeter, DurationMeter, ProcessMeter, RateMeter
from net.telemetry.sound import SoundMeter
from net.telemetry.stats import DurationStats, ReceiverChunks, Role, StreamStats
from net.telemetry.status import StreamStatus, eta_s

if TYPE_CHECKING:
    from codec import Codec


HISTORY_CHUNKS = 1
"""Chunks before the next one that a decoder which has lost its state needs again: of overlapping chunks, one."""


class ReceiverMeters:
    """Counters, rates, durations and the sound of one incoming stream. Any thread may call any method."""

    def __init__(self, hello: Hello, clock: Clock, process: ProcessMeter, history_chunks: int = HISTORY_CHUNKS) -> None:
        self._history_chunks = history_chunks
        self._hello, self._clock, self._process = hello, clock, process
        self._lock = threading.Lock()
        self._received = self._decoded = self._stitched = self._saved = self._lost = self._refused = self._silent = 0
        self._saved_samples = self._reported_decoded = self._reported_heard = 0
        self._num_streams = hello.num_streams
        self._latencies = {name: DurationMeter(name, clock) for name in ("received", "decoded")}
        self._round_trip = DurationMeter("round trip", clock)
        self._clock_sync = ClockSync()
        self._sound = SoundMeter(hello.sample_rate)
        self.min_streams = 1
        """The fewest streams that this receiver asks for."""
        self.payload = RateMeter("payload", clock)
        self.wire = RateMeter("wire", clock)
        self.decoding = CodecMeter("decode", hello.sample_rate, clock)

    def begin(self) -> None:
        """Begin the time that averages cover."""
        self.wire.start()
        self.payload.start()

    def end(self) -> None:
        """End the time that averages cover."""
        self.wire.stop()
        self.payload.stop()

    def go_on(self, chunks: int, samples: int) -> None:
        """Take that so much was saved before, by another process."""
        with self._lock:
            self._saved, self._saved_samples = chunks, samples

    @property
    def nothing_decoded(self) -> bool:
        """Whether no chunk was decoded yet."""
        with self._lock:
            return not self._decoded

    @property
    def acknowledged(self) -> int:
        """Chunks that are saved, and that no later decoder of this stream would need again."""
        with self._lock:
            return max(0, self._saved - self._history_chunks)

    def count_refused(self) -> None:
        """Count a chunk that had come before."""
        with self._lock:
            self._refused += 1

    def count_received(self, chunk: PackedChunk) -> None:
        """Count a chunk that came over the wire."""
        self._add_latency("received", chunk)
        self.payload.add(len(chunk.payload))
        with self._lock:
            self._received += 1
            self._silent += chunk.silence_dbfs is not None
            self._num_streams = chunk.num_streams or self._num_streams

    def count_decoded(self, chunk: PackedChunk) -> None:
        """Count a chunk that was decoded."""
        self._add_latency("decoded", chunk)
        with self._lock:
            self._decoded += 1

    def count_lost(self) -> None:
        """Count a chunk that never came."""
        with self._lock:
            self._lost += 1

    def count_stitched(self, contribution: Contribution) -> None:
        """Count and measure sound that is ready for the sinks."""
        self._sound.push(contribution.audio)
        with self._lock:
            self._stitched = contribution.index + 1

    def count_saved(self, contribution: Contribution) -> None:
        """Count sound that is on disk."""
        with self._lock:
            self._saved = contribution.index + 1
            self._saved_samples += len(contribution.audio)

    def take_pong(self, pong: Pong) -> None:
        """Take the answer to one of our pings."""
        sample = self._clock_sync.add(pong.sent_s, pong.received_s, pong.replied_s, self._clock.epoch_s())
        self._round_trip.add(sample.round_trip_s)

    def feedback(self, decode_queue: QueueStats, player: Player | None, *, finished: bool) -> Feedback:
        """How the stream stands, for its sender. Latencies are told once for each newly decoded or heard chunk."""
        played = player.played_chunks if player else 0
        with self._lock:
            fresh = self._decoded > self._reported_decoded
            self._reported_decoded = self._decoded
            fresh_heard = played > self._reported_heard
            self._reported_heard = played
            received, decoded, lost, saved = self._received, self._decoded, self._lost, self._saved
        return Feedback(
            received=received,
            decoded=decoded,
            played=played,
            acknowledged=saved if finished else self.acknowledged,
            lost=lost,
            queue_depth=decode_queue.depth,
            queue_capacity=decode_queue.capacity,
            decode_ms=self.decoding.latest_ms,
            decoded_latency_ms=self._latencies["decoded"].latest_ms if fresh else None,
            heard_latency_ms=player.heard.latest_ms if player and fresh_heard else None,
            round_trip_ms=self._round_trip.latest_ms if fresh else None,
            clock_offset_ms=self._clock_offset_ms,
            finished=finished,
            min_streams=self.min_streams,
        )

    def stats(
        self,
        *,
        codec: "Codec",
        status: StreamStatus,
        peer: str,
        secure: bool,
        queues: tuple[QueueStats, ...],
        player: Player | None,
        files: tuple[str, ...],
    ) -> StreamStats:
        """Everything that is shown, as of now."""
        hello = self._hello
        total_s = None if hello.total_samples is None else hello.total_samples / hello.sample_rate
        audio_s, on_air_s = self._saved_samples / hello.sample_rate, status.on_air_s
        playback = player.stats() if player else None
        return replace(
            self._described(codec, status),
            peer=peer,
            secure=secure,
            muted=playback is not None and playback.muted,
            on_air_s=on_air_s,
            audio_s=audio_s,
            total_s=total_s,
            eta_s=eta_s(audio_s, total_s, on_air_s),
            payload=self.payload.stats(),
            wire=self.wire.stats(),
            queues=queues,
            latencies=self._latency_stats(player),
            round_trip=self._round_trip.stats(),
            clock_offset_ms=self._clock_offset_ms,
            chunks=self._chunks(player),
            codec=self.decoding.stats(),
            process=self._process.stats(),
            sound=self._sound.stats(),
            playback=playback,
            files=files,
        )

    def _described(self, codec: "Codec", status: StreamStatus) -> StreamStats:
        """The form of the stream, and its state."""
        hello = self._hello
        return StreamStats(
            role=Role.RECEIVER,
            stream_id=hello.stream_id.hex(),
            state=status.state,
            reason=status.reason,
            epoch_s=self._clock.epoch_s(),
            source=hello.name,
            model=codec.name,
            fingerprint=codec.fingerprint,
            sample_rate=hello.sample_rate,
            num_streams=self._num_streams,
            max_streams=hello.num_streams,
            nominal_kbps=codec.kbps(self._num_streams),
            stitching=hello.stitching,
            chunk_ms=hello.chunk_samples * 1000 / hello.sample_rate,
            overlap_ms=hello.overlap_samples * 1000 / hello.sample_rate,
        )

    def _latency_stats(self, player: Player | None) -> tuple[DurationStats, ...]:
        heard = (player.heard,) if player else ()
        return tuple(meter.stats() for meter in (*self._latencies.values(), *heard))

    @property
    def clock_offset_s(self) -> float | None:
        """The sender's clock minus ours, None until they were compared."""
        return self._clock_sync.offset_s

    @property
    def _clock_offset_ms(self) -> float | None:
        offset_s = self._clock_sync.offset_s
        return None if offset_s is None else offset_s * 1000

    def _chunks(self, player: Player | None) -> ReceiverChunks:
        with self._lock:
            return ReceiverChunks(
                received=self._received,
                decoded=self._decoded,
                stitched=self._stitched,
                played=player.played_chunks if player else 0,
                saved=self._saved,
                lost=self._lost,
                refused=self._refused,
                silent=self._silent,
            )

    def _add_latency(self, name: str, chunk: PackedChunk) -> None:
        """Latencies are known once the sender's clock is."""
        offset_s = self._clock_sync.offset_s
        if offset_s is not None:
            self._latencies[name].add(self._clock.epoch_s() + offset_s - self._hello.epoch_s - chunk.capture_s)
