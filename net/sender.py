"""The sender engine: source → chunker → encoder → window → socket, each in a thread of its own."""

import math
import secrets
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codec.bitstream import pack_codes
from codec.chunks import Audio, Chunk, Chunker, Stitching
from codec.container import EscHeader
from codec.errors import UsageError
from codec.stored import header_for
from codec.streaming import chunker_for, encode_chunk, history_chunks
from net import messages
from net.activity import ActivityDetector, noise_level_dbfs
from net.clock import SYSTEM_CLOCK, Clock
from net.devices import SYSTEM_AUDIO, AudioSystem
from net.events import EventLog
from net.guard import Guard
from net.messages import End, Feedback, Hello
from net.microphone import MicrophoneSource
from net.models import shared_codec
from net.pipeline import Pipeline, PipelineStopped, StageQueue
from net.questions import Questions
from net.sender_meters import SenderMeters
from net.settings import SenderSettings
from net.sources import FileSource, Source, SourceBlock
from net.stats import Event, LinkState, StreamStats
from net.status import StreamStatus
from net.stored import StoredSource, outgoing_chunk
from net.stream_choice import StreamChoice
from net.stream_memory import StreamMemory
from net.uplink import Uplink, UplinkSettings
from net.window import SendWindow

if TYPE_CHECKING:
    from codec import Codec

SAMPLE_RATE = 16000
SEND_BUFFER_BYTES = 4096
"""Of a stream that has to be timely: what the system buffers is late on a slow link."""
FURTHEST_HISTORY_S = 1.0
"""More than any model needs to go on after another decoder: for codes whose model is not here."""
IN_FLIGHT_CHUNKS = 32
"""Unacknowledged chunks before the receiver says how many it allows."""


class CapturedChunk:
    """A chunk of sound, when its last sample was captured, and whether there is voice in it."""

    __slots__ = ("active", "captured_s", "chunk")

    def __init__(self, chunk: Chunk, captured_s: float, *, active: bool) -> None:
        self.chunk, self.captured_s, self.active = chunk, captured_s, active


class Sender:
    """Streams one source to one receiver. An `Engine`; what is not given is loaded as the settings say."""

    def __init__(
        self,
        settings: SenderSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        codec: "Codec | None" = None,
        source: Source | None = None,
        audio_system: AudioSystem = SYSTEM_AUDIO,
        questions: Questions | None = None,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._audio_system = audio_system
        self._codec, self._source = codec, source
        self._stored: StoredSource | None = None
        self._stream: EscHeader | None = None
        """What holds for the whole stream, once it is known: from the model, or from the file of codes."""
        self._memory = StreamMemory(settings.state_folder, settings) if settings.state_folder else None
        self._stream_id = secrets.token_bytes(16)
        self._events = EventLog(clock)
        self._status = StreamStatus(clock)
        self._meters = SenderMeters(clock, SAMPLE_RATE, settings.plan)
        self._pipeline = Pipeline("sender", clock)
        self._captured: StageQueue[CapturedChunk] = self._pipeline.add_queue(
            "encode", settings.buffer_chunks, drop_oldest=settings.drop_when_behind
        )
        self._window = SendWindow(settings.buffer_chunks, IN_FLIGHT_CHUNKS, drop_oldest=settings.drop_when_behind)
        self._streams = StreamChoice(
            settings.num_streams,
            self._window,
            clock=clock,
            events=self._events,
            adaptive=settings.adaptive,
            timely=settings.drop_when_behind,
        )
        self._uplink = self._make_uplink()
        self._pipeline.on_abort(self._window.abort)
        self._pipeline.on_abort(self._uplink.close)
        self._questions = questions or Questions()
        self._pipeline.on_abort(self._questions.stop)
        self._running = threading.Event()
        self._running.set()
        self._stop_reading = threading.Event()
        for event in (self._running, self._stop_reading, self._uplink.accepted):
            self._pipeline.on_abort(event.set)
        self._muted = False
        self._activity = ActivityDetector(SAMPLE_RATE)
        self._active = False
        self._epoch_s = clock.epoch_s()

    @property
    def title(self) -> str:
        """Where the stream goes."""
        return f"→ {self._settings.host}:{self._settings.port}"

    @property
    def error(self) -> BaseException | None:
        """What ended the stream early."""
        return self._pipeline.error

    def start(self) -> None:
        """Open the source and start.

        Raises `AudioFileError`, `ContainerError` or `AudioDeviceError` where it cannot be opened, `IdentityError`
        for an unusable key.
        """
        settings = self._settings
        if settings.resume:
            self._stream_id = self._recall()
        if settings.tls:
            self._uplink.guard = Guard(settings.tls, self._questions, self._clock)
            self._events.info(f"this sender's fingerprint is {self._uplink.guard.identity.fingerprint}")
        if self._source is None and settings.input is not None and settings.input.suffix.lower() == ".esc":
            self._open_stored(settings.input)
            self._pipeline.add_stage("read", self._read_codes)
        else:
            if self._source is None:
                self._source = self._open_source()
            self._pipeline.add_stage("read", self._read_source)
            self._pipeline.add_stage("encode", self._encode_chunks)
        self._pipeline.add_stage("send", self._send_stream)
        self._events.info(f"connecting to {self._settings.host}:{self._settings.port}")
        self._pipeline.start()

    def _recall(self) -> bytes:
        stream_id = self._memory.recall() if self._memory else None
        if stream_id is None:
            raise UsageError(
                f"no unfinished stream of {self._settings.input} to {self._settings.host}:{self._settings.port} with "
                "these options is known: leave out --resume to begin it"
            )
        return stream_id

    def _open_source(self) -> Source:
        settings = self._settings
        if settings.input is not None:
            return FileSource(settings.input, SAMPLE_RATE, self._clock, realtime=settings.realtime)
        assert settings.microphone is not None
        microphone = MicrophoneSource(
            self._audio_system,
            settings.microphone.device,
            SAMPLE_RATE,
            clock=self._clock,
            events=self._events,
            save_path=settings.microphone.save_path,
        )
        microphone.open()
        return microphone

    def request_stop(self) -> None:
        """Stop reading; what was read is still sent."""
        if not self._stop_reading.is_set():
            self._events.info("stopping: what was read is still sent")
        self._stop_reading.set()
        self._running.set()
        if not self._uplink.accepted.is_set():
            self._pipeline.abort()  # nothing was read, so nothing is lost

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End now; return the names of threads that outlived the deadline."""
        self._pipeline.abort()
        alive = self._pipeline.join(timeout_s)
        if self._origin is not None:
            self._origin.close()
        self._end_status()
        return alive

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the stream has ended; tell whether it has."""
        ended = self._pipeline.ended.wait(timeout_s)
        if ended:
            self._end_status()
        return ended

    def set_paused(self, paused: bool) -> None:
        """Pause or resume reading; what was read before is still sent."""
        if paused == (not self._running.is_set()):
            return
        self._events.info("paused" if paused else "resumed")
        self._status.set_paused(paused)
        if paused:
            self._running.clear()
        else:
            self._running.set()

    def set_muted(self, muted: bool) -> None:
        """Send silence instead of the source."""
        if muted != self._muted:
            self._events.info("muted" if muted else "unmuted")
        self._muted = muted

    def set_volume(self, volume: float) -> None:
        """A sender plays nothing."""

    def set_num_streams(self, num_streams: int) -> None:
        """Use so many streams from the next chunk on (if it adapts: at most), at most as many as the settings say."""
        num_streams = max(1, min(num_streams, self._most_streams))
        if num_streams != self._streams.chosen:
            self._events.info(f"streams {self._streams.chosen} → {num_streams} from the next chunk on")
        self._streams.choose(num_streams)

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        """The kept events numbered `sequence` and above."""
        return self._events.since(sequence)

    def snapshots(self) -> tuple[StreamStats, ...]:
        """The one stream as of now."""
        self._end_status()
        source = self._origin
        return (
            self._meters.stats(
                stream_id=self._stream_id.hex(),
                source=source.name if source else "",
                total_samples=source.total_samples if source else None,
                stream=self._stream,
                status=self._status,
                uplink=self._uplink,
                window=self._window,
                captured=self._captured.stats(),
                streams=self._streams,
                max_streams=self._most_streams,
                muted=self._muted,
            ),
        )

    def _end_status(self) -> None:
        if not self._pipeline.ended.is_set():
            return
        self._meters.payload.stop()
        self._uplink.wire.stop()
        if self._pipeline.error is not None:
            self._status.set(LinkState.FAILED, str(self._pipeline.error))
        elif self._pipeline.stopping.is_set():
            self._status.set(LinkState.FAILED, "stopped before the end")
        else:
            self._status.set(LinkState.DONE)

    def _make_uplink(self) -> Uplink:
        settings = self._settings
        return Uplink(
            UplinkSettings(
                host=settings.host,
                port=settings.port,
                connect_timeout_s=settings.connect_timeout_s,
                reconnect_timeout_s=settings.reconnect_timeout_s,
                rate_limit_bps=settings.rate_limit_bps,
                send_buffer_bytes=SEND_BUFFER_BYTES if settings.adaptive or settings.drop_when_behind else None,
            ),
            self._window,
            clock=self._clock,
            stopping=self._pipeline.stopping,
            status=self._status,
            events=self._events,
            on_feedback=self._take_feedback,
            on_sent=self._count_sent,
            on_accept=self._streams.begin_connection,
            fit=self._streams.fit,
        )

    @property
    def _origin(self) -> Source | StoredSource | None:
        """Where sound or codes come from."""
        return self._stored or self._source

    @property
    def _most_streams(self) -> int:
        asked = self._settings.num_streams
        return min(asked, self._stream.num_streams) if self._stream else asked

    def _open_stored(self, path: Path) -> None:
        settings = self._settings
        self._stored = StoredSource(path, self._clock, self._events, realtime=settings.realtime)
        self._stream = self._stored.header
        self._meters.plan = self._stream.plan
        crossfade = self._stream.plan.stitching is Stitching.CROSSFADE
        furthest = math.ceil(FURTHEST_HISTORY_S * self._stream.sample_rate / self._stream.chunk_samples)
        self._streams.begin(self._stream, 1 if crossfade else furthest)
        self._streams.choose(self._most_streams)

    def _hello(self, stream: EscHeader, source: Source | StoredSource) -> Hello:
        return Hello(
            stream_id=self._stream_id,
            resume=self._settings.resume,
            fingerprint=stream.fingerprint,
            model=stream.model,
            sample_rate=stream.sample_rate,
            chunk_samples=stream.chunk_samples,
            overlap_samples=stream.overlap_samples,
            stitching=stream.stitching.value,
            num_streams=self._most_streams,
            groups=stream.groups,
            bits_per_code=stream.bits_per_code,
            total_samples=source.total_samples,
            epoch_s=self._epoch_s,
            live=source.live,
            name=source.name,
            sender=socket.gethostname(),
        )

    # Stages: each method below runs in a thread of its own.

    def _read_source(self) -> None:
        source = self._source
        assert source is not None
        if not source.live:
            self._await_accept()
        chunker = self._begin_chunks(source)
        captured_s = self._clock.epoch_s()
        try:
            for block in source.blocks(self._stop_reading):
                if source.live and not self._is_wanted(block):
                    continue
                captured_s = block.captured_s
                self._put_chunks(chunker.push(self._heard(block)), captured_s)
                if not source.live:
                    self._await_resume(source)
                if self._stop_reading.is_set():
                    break
            self._put_chunks(chunker.finish(), captured_s)
            self._captured.finish()
        finally:
            source.close()

    def _begin_chunks(self, source: Source) -> Chunker:
        """Start at the beginning, or where the receiver has to go on with an earlier sender's stream."""
        settings, first = self._settings, self._uplink.first_chunk
        if settings.plan.stitching is Stitching.CROSSFADE:
            chunker = Chunker(settings.plan, first_index=first)
        else:
            codec = self._codec or shared_codec(settings.model_path, settings.device)
            chunker = chunker_for(codec, settings.plan, settings.lookahead_samples, first)
        if first:
            source.skip(chunker.start)
            self._meters.count_skipped(first, chunker.start)
        return chunker

    def _read_codes(self) -> None:
        """Hand stored codes on as they are: there is nothing to encode."""
        source, stream = self._stored, self._stream
        assert source is not None
        assert stream is not None
        self._await_accept()
        try:
            for captured in source.chunks(self._stop_reading, self._uplink.first_chunk):
                chunk = outgoing_chunk(
                    captured, stream, num_streams=self._streams.now, muted=self._muted, epoch_s=self._epoch_s
                )
                self._meters.count_stored(chunk.index + 1, stream.plan.start(chunk.index) + chunk.samples)
                self._streams.queue(chunk)
                self._await_resume(source)
            if not self._stop_reading.is_set():
                self._meters.count_stored(source.chunk_count, source.total_samples)
            self._window.finish()
        finally:
            source.close()

    def _await_accept(self) -> None:
        """Sound is taken only when somebody listens: time at the door is no latency."""
        self._uplink.accepted.wait()
        if self._pipeline.stopping.is_set():
            raise PipelineStopped
        self._meters.payload.start()

    def _is_wanted(self, block: SourceBlock) -> bool:
        """Live sound is measured, but not sent, while nobody listens yet or the sender pauses."""
        if self._uplink.accepted.is_set():
            self._meters.payload.start()
            if self._running.is_set():
                return True
        self._meters.sound.push(block.audio)
        self._meters.sound.speech = self._activity.push(block.audio)
        return False

    def _await_resume(self, source: Source | StoredSource) -> None:
        if self._running.is_set():
            return
        paused_s = self._clock.monotonic_s()
        self._running.wait()
        source.delay(self._clock.monotonic_s() - paused_s)

    def _heard(self, block: SourceBlock) -> Audio:
        audio = block.audio * 0 if self._muted else block.audio
        self._meters.count_sound(audio)
        self._active |= self._activity.push(audio)
        self._meters.sound.speech = self._activity.active
        return audio

    def _put_chunks(self, chunks: list[Chunk], captured_s: float) -> None:
        """Queue chunks; `captured_s` is that of the newest sample, which may lie beyond a chunk's last."""
        for chunk in chunks:
            self._meters.count_read()
            beyond = self._meters.samples_read - self._settings.plan.start(chunk.index) - chunk.samples
            self._captured.put(CapturedChunk(chunk, captured_s - beyond / SAMPLE_RATE, active=self._active))
        if chunks:
            self._active = self._activity.active

    def _encode_chunks(self) -> None:
        for captured in self._captured:
            self._streams.queue(self._encode(captured))
        self._window.finish()

    def _encode(self, captured: CapturedChunk) -> messages.Chunk:
        codec = self._codec
        assert codec is not None
        if self._settings.skip_silence and not captured.active:
            return self._announce_silence(captured)
        with self._meters.encoding.time(captured.chunk.samples):
            coded = encode_chunk(codec, captured.chunk, self._streams.now)
        self._meters.count_encoded(captured.captured_s)
        return messages.Chunk(
            index=coded.index,
            samples=coded.samples,
            num_streams=coded.num_streams,
            tail=coded.tail,
            silence_dbfs=None,
            capture_s=max(0.0, captured.captured_s - self._epoch_s),
            payload=pack_codes(coded.codes, codec.bits_per_code),
        )

    def _announce_silence(self, captured: CapturedChunk) -> messages.Chunk:
        self._meters.count_encoded(captured.captured_s, silent=True)
        return messages.Chunk(
            index=captured.chunk.index,
            samples=captured.chunk.samples,
            num_streams=0,
            tail=False,
            silence_dbfs=noise_level_dbfs(captured.chunk.audio),
            capture_s=max(0.0, captured.captured_s - self._epoch_s),
            payload=b"",
        )

    def _send_stream(self) -> None:
        source, settings = self._origin, self._settings
        assert source is not None
        if self._stream is None:
            if self._codec is None:
                self._codec = shared_codec(settings.model_path, settings.device)
                self._warm_up(self._codec, source)
            self._stream = header_for(self._codec, settings.num_streams, settings.plan)
            self._streams.begin(self._stream, history_chunks(self._codec, settings.plan))
        if self._memory and not source.live:
            self._memory.remember(self._stream_id)
        self._uplink.run(self._hello(self._stream, source), self._end)
        if self._memory:
            self._memory.forget()

    def _warm_up(self, codec: "Codec", source: Source | StoredSource) -> None:
        """The first chunk of a length takes longest: code one before live sound waits for it."""
        if source.live:
            silence = np.zeros(self._settings.plan.chunk_samples, np.float32)
            encode_chunk(codec, Chunk(0, silence), self._settings.num_streams)

    def _end(self) -> End:
        return End(
            chunks=self._meters.chunks_read, samples=self._meters.samples_read, complete=not self._stop_reading.is_set()
        )

    def _take_feedback(self, feedback: Feedback) -> None:
        self._meters.take_feedback(feedback)
        self._streams.take_feedback(feedback)

    def _count_sent(self, index: int, capture_s: float, payload_bytes: int, resent: bool) -> None:
        self._streams.count_sent(index, payload_bytes)
        self._meters.count_sent(index, self._epoch_s + capture_s, payload_bytes, resent=resent)
