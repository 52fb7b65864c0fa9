"""What a sender counts and times. Its stages feed it, its snapshot is read from it; any thread may do either."""

import threading
from dataclasses import replace

from codec.chunks.plan import ChunkPlan
from codec.container import EscHeader
from codec.types import Audio
from net.protocol.messages import Feedback
from net.runtime.clock import Clock
from net.runtime.queues import QueueStats
from net.sender.connection import SenderConnection
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from net.telemetry.meters import CodecMeter, DurationMeter, ProcessMeter, RateMeter
from net.telemetry.sound import SoundMeter
from net.telemetry.stats import LinkState, Role, SenderChunks, StreamStats
from net.telemetry.status import StreamStatus, eta_s


class SenderMeters:
    """Counters, rates, durations and the sound of one outgoing stream."""

    def __init__(self, clock: Clock, sample_rate: int, plan: ChunkPlan) -> None:
        self._clock, self._rate, self.plan = clock, sample_rate, plan
        self._lock = threading.Lock()
        self._read = self._encoded = self._sent = self._resent = self._silent = 0
        self._samples = self._sent_samples = 0
        self._latencies = {name: DurationMeter(name, clock) for name in ("encoded", "sent", "decoded", "heard")}
        self._round_trip = DurationMeter("round trip", clock)
        self._clock_offset_ms: float | None = None
        self._process = ProcessMeter(clock)
        self.payload = RateMeter("payload", clock)
        self.encoding = CodecMeter("encode", sample_rate, clock)
        self.sound = SoundMeter(sample_rate)

    @property
    def chunks_read(self) -> int:
        """Chunks that the source has given."""
        with self._lock:
            return self._read

    @property
    def samples_read(self) -> int:
        """Samples that the source has given."""
        with self._lock:
            return self._samples

    def count_sound(self, audio: Audio) -> None:
        """Count and measure sound that was read."""
        self.sound.push(audio)
        with self._lock:
            self._samples += len(audio)

    def count_skipped(self, chunks: int, samples: int) -> None:
        """Take that the receiver has the beginning from an earlier sender."""
        with self._lock:
            self._read, self._samples = chunks, samples

    def count_read(self) -> None:
        """Count a chunk that was read."""
        with self._lock:
            self._read += 1

    def count_stored(self, chunks: int, samples: int) -> None:
        """Take that stored codes up to there were read, missing chunks counted."""
        with self._lock:
            self._read = self._encoded = chunks
            self._samples = samples

    def count_encoded(self, captured_s: float, *, silent: bool = False) -> None:
        """Count a chunk that was encoded, or found silent, and was captured at `captured_s`."""
        self._latencies["encoded"].add(self._clock.epoch_s() - captured_s)
        with self._lock:
            self._encoded += 1
            self._silent += silent

    def count_sent(self, index: int, captured_s: float, payload_bytes: int, *, resent: bool) -> None:
        """Count a chunk that was written to the socket."""
        self.payload.add(payload_bytes)
        self._latencies["sent"].add(self._clock.epoch_s() - captured_s)
        with self._lock:
            self._sent_samples = min(self.plan.start(index) + self.plan.chunk_samples, self._samples)
            self._resent += resent
            self._sent += not resent

    def take_feedback(self, feedback: Feedback) -> None:
        """Keep what the receiver has measured."""
        for name, latency_ms in (("decoded", feedback.decoded_latency_ms), ("heard", feedback.heard_latency_ms)):
            if latency_ms is not None:
                self._latencies[name].add(latency_ms / 1000)
        if feedback.round_trip_ms is not None:
            self._round_trip.add(feedback.round_trip_ms / 1000)
        if feedback.clock_offset_ms is not None:
            self._clock_offset_ms = feedback.clock_offset_ms

    def stats(
        self,
        *,
        stream_id: str,
        source: str,
        total_samples: int | None,
        stream: EscHeader | None,
        status: StreamStatus,
        uplink: SenderConnection,
        window: SendBuffer,
        captured: QueueStats,
        streams: RateController,
        max_streams: int,
        muted: bool,
        input_lost: bool,
    ) -> StreamStats:
        """Everything that is shown, as of now."""
        total_s = None if total_samples is None else total_samples / self._rate
        audio_s, on_air_s = self._sent_samples / self._rate, status.on_air_s
        waiting, unacknowledged = window.stats()
        return replace(
            self._described(stream, streams.now),
            stream_id=stream_id,
            state=status.state,
            reason=status.reason,
            source=source,
            peer=uplink.peer,
            secure=uplink.secure,
            streams_history=streams.history,
            max_streams=max_streams,
            muted=muted,
            input_lost=input_lost,
            on_air_s=on_air_s,
            audio_s=audio_s,
            total_s=total_s,
            eta_s=eta_s(audio_s, total_s, on_air_s),
            wire=uplink.wire.stats(),
            queues=(captured, waiting, unacknowledged),
            chunks=self._chunks(window, captured, waiting),
            send=uplink.send_durations.stats(),
        )

    def _described(self, stream: EscHeader | None, num_streams: int) -> StreamStats:
        """What is measured here, and the form of the stream."""
        return StreamStats(
            role=Role.SENDER,
            stream_id="",
            state=LinkState.CONNECTING,
            epoch_s=self._clock.epoch_s(),
            model=stream.model if stream else "",
            fingerprint=stream.fingerprint if stream else "",
            sample_rate=self._rate,
            num_streams=num_streams,
            nominal_kbps=stream.kbps * num_streams / stream.num_streams if stream else 0.0,
            stitching=str(stream.stitching) if stream else "",
            chunk_ms=self.plan.chunk_samples * 1000 / self._rate,
            overlap_ms=self.plan.overlap_samples * 1000 / self._rate,
            payload=self.payload.stats(),
            latencies=tuple(meter.stats() for meter in self._latencies.values()),
            round_trip=self._round_trip.stats(),
            clock_offset_ms=self._clock_offset_ms,
            codec=self.encoding.stats(),
            process=self._process.stats(),
            sound=self.sound.stats(),
        )

    def _chunks(self, window: SendBuffer, captured: QueueStats, waiting: QueueStats) -> SenderChunks:
        with self._lock:
            return SenderChunks(
                read=self._read,
                encoded=self._encoded,
                sent=self._sent,
                acknowledged=window.acknowledged,
                resent=self._resent,
                in_flight=window.in_flight,
                dropped=waiting.dropped + captured.dropped,
                silent=self._silent,
            )
