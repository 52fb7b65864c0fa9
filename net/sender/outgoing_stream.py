"""One outgoing stream: read, encoded and sent, over as many connections as it takes."""

import math
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from codec.chunks.plan import Stitching
from codec.chunks.streaming import history_chunks
from codec.container import EscHeader, EscReader
from codec.errors import UsageError
from codec.files.esc_chunks import header_for
from codec.sound.reading import AudioReader
from net.audio.devices import AudioSystem
from net.protocol.messages import End, Feedback, Hello
from net.runtime.clock import Clock
from net.runtime.pipeline import Pipeline
from net.runtime.queues import StageQueue
from net.sender.connecting import ConnectSettings
from net.sender.connection import SenderConnection
from net.sender.encoding import CapturedChunk, Encoder
from net.sender.esc_source import EscSource
from net.sender.meters import SenderMeters
from net.sender.microphone import MicrophoneSource
from net.sender.rate_controller import RateController
from net.sender.reading import Audience, CodesReader, SoundReader
from net.sender.resume_store import ResumeStore
from net.sender.send_buffer import SendBuffer
from net.sender.source_control import SourceControl
from net.sender.sources import FileSource, Source
from net.settings import SenderSettings
from net.telemetry.events import EventLog
from net.telemetry.stats import StreamStats
from net.telemetry.status import StreamStatus

if TYPE_CHECKING:
    from codec import Codec

SAMPLE_RATE = 16000
SEND_BUFFER_BYTES = 4096
"""Of a stream that has to be timely: what the system buffers is late on a slow link."""
FURTHEST_HISTORY_S = 1.0
"""More than any model needs to go on after another decoder: for codes whose model is not here."""
IN_FLIGHT_CHUNKS = 32
"""Unacknowledged chunks before the receiver says how many it allows."""


def check_input(path: Path) -> None:
    """Raise `AudioFileError` or `ContainerError` where `path` is nothing that can be streamed."""
    with EscReader(path) if _is_stored(path) else AudioReader(path):
        pass


def _is_stored(path: Path) -> bool:
    """Whether a file holds codes, as its name tells."""
    return path.suffix.lower() == ".esc"


class OutgoingStream:
    """The stages of a sender and what flows between them; `open` the source before the pipeline is started."""

    def __init__(
        self,
        settings: SenderSettings,
        codec: "Callable[[], Codec]",
        source: Source | None,
        *,
        clock: Clock,
        events: EventLog,
        status: StreamStatus,
        audio_system: AudioSystem,
    ) -> None:
        self._settings, self._clock, self._events, self._status = settings, clock, events, status
        self._codec, self._source, self._audio_system = codec, source, audio_system
        self._stored: EscSource | None = None
        self._header: EscHeader | None = None
        """What holds for the whole stream, once it is known: from the model, or from the file of codes."""
        self._memory = ResumeStore(settings.state_folder, settings) if settings.state_folder else None
        self.stream_id = secrets.token_bytes(16)
        self._epoch_s = clock.epoch_s()
        self.pipeline = Pipeline("sender", clock)
        self.control = SourceControl(clock)
        self.meters = SenderMeters(clock, SAMPLE_RATE, settings.plan)
        timely = settings.drop_when_behind
        self._captured: StageQueue[CapturedChunk] = self.pipeline.add_queue(
            "encode", settings.buffer_chunks, drop_oldest=timely
        )
        self._window = SendBuffer(settings.buffer_chunks, IN_FLIGHT_CHUNKS, drop_oldest=timely)
        self.streams = RateController(
            settings.num_streams, self._window, clock=clock, events=events, adaptive=settings.adaptive, timely=timely
        )
        self.uplink = self._make_uplink()
        self._encoder = Encoder(
            codec, self.streams, self.meters, skip_silence=settings.skip_silence, epoch_s=self._epoch_s
        )
        for wake in (self._window.abort, self.uplink.close, self.control.stop, self.uplink.accepted.set):
            self.pipeline.on_abort(wake)

    def open(self) -> None:
        """Open the source; raises `AudioFileError`, `ContainerError` or `AudioDeviceError` where that fails.

        With `resume` in the settings the stream is that which was begun before, or `UsageError` is raised.
        """
        settings, audience = self._settings, Audience(self.uplink, self.meters, self.pipeline.stopping)
        if settings.resume:
            self.stream_id = self._recall()
        if self._source is None and settings.input is not None and _is_stored(settings.input):
            self.pipeline.add_stage("read", self._codes_reader(self._open_stored(settings.input), audience).run)
        else:
            self._source = self._source or self._open_source()
            self.pipeline.add_stage("read", self._sound_reader(self._source, audience).run)
            self.pipeline.add_stage("encode", self._encode_chunks)
        self.pipeline.add_stage("send", self._send_stream)

    def close(self) -> None:
        """Give the file or device back."""
        if self._origin is not None:
            self._origin.close()

    @property
    def most_streams(self) -> int:
        """How many streams may be sent: what was asked for, or what there is of stored codes."""
        asked = self._settings.num_streams
        return min(asked, self._header.num_streams) if self._header else asked

    def stats(self) -> StreamStats:
        """The stream as of now."""
        source = self._origin
        return self.meters.stats(
            stream_id=self.stream_id.hex(),
            source=source.name if source else "",
            total_samples=source.total_samples if source else None,
            stream=self._header,
            status=self._status,
            uplink=self.uplink,
            window=self._window,
            captured=self._captured.stats(),
            streams=self.streams,
            max_streams=self.most_streams,
            muted=self.control.muted,
            input_lost=isinstance(source, MicrophoneSource) and source.lost,
        )

    def _recall(self) -> bytes:
        stream_id = self._memory.recall() if self._memory else None
        if stream_id is None:
            raise UsageError(
                f"no unfinished stream of {self._settings.input} to {self.uplink.address} with "
                "these options is known: leave out --resume to begin it"
            )
        return stream_id

    def _make_uplink(self) -> SenderConnection:
        settings = self._settings
        return SenderConnection(
            ConnectSettings(
                host=settings.host,
                port=settings.port,
                connect_timeout_s=settings.connect_timeout_s,
                reconnect_timeout_s=settings.reconnect_timeout_s,
                rate_limit_bps=settings.rate_limit_bps,
                send_buffer_bytes=SEND_BUFFER_BYTES if settings.adaptive or settings.drop_when_behind else None,
            ),
            self._window,
            clock=self._clock,
            stopping=self.pipeline.stopping,
            status=self._status,
            events=self._events,
            on_feedback=self._take_feedback,
            on_sent=self._count_sent,
            on_accept=self.streams.begin_connection,
            fit=self.streams.fit,
        )

    @property
    def _origin(self) -> Source | EscSource | None:
        """Where sound or codes come from."""
        return self._stored or self._source

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

    def _open_stored(self, path: Path) -> EscSource:
        settings = self._settings
        stored = self._stored = EscSource(path, self._clock, self._events, realtime=settings.realtime)
        stream = self._header = stored.header
        self.meters.plan = stream.plan
        crossfade = stream.plan.stitching is Stitching.CROSSFADE
        furthest = math.ceil(FURTHEST_HISTORY_S * stream.sample_rate / stream.chunk_samples)
        self.streams.begin(stream, 1 if crossfade else furthest)
        self.streams.choose(self.most_streams)
        return stored

    def _codes_reader(self, source: EscSource, audience: Audience) -> CodesReader:
        return CodesReader(
            source,
            self.streams,
            self._window,
            audience=audience,
            control=self.control,
            meters=self.meters,
            epoch_s=self._epoch_s,
        )

    def _sound_reader(self, source: Source, audience: Audience) -> SoundReader:
        return SoundReader(
            source,
            self._settings,
            self._codec,
            self._captured,
            audience=audience,
            control=self.control,
            meters=self.meters,
            clock=self._clock,
            sample_rate=SAMPLE_RATE,
        )

    def _hello(self, stream: EscHeader, source: Source | EscSource) -> Hello:
        return Hello(
            stream_id=self.stream_id,
            resume=self._settings.resume,
            fingerprint=stream.fingerprint,
            model=stream.model,
            sample_rate=stream.sample_rate,
            chunk_samples=stream.chunk_samples,
            overlap_samples=stream.overlap_samples,
            stitching=stream.stitching.value,
            num_streams=self.most_streams,
            groups=stream.groups,
            bits_per_code=stream.bits_per_code,
            total_samples=source.total_samples,
            epoch_s=self._epoch_s,
            live=source.live,
            name=source.name,
            sender=socket.gethostname(),
        )

    # Stages: each method below runs in a thread of its own.

    def _encode_chunks(self) -> None:
        self._encoder.run(self._captured)
        self._window.finish()

    def _send_stream(self) -> None:
        source, settings = self._origin, self._settings
        assert source is not None
        if self._header is None:
            codec = self._codec()
            if source.live:
                self._encoder.warm_up(settings.plan, settings.lookahead_samples, settings.num_streams)
            self._header = header_for(codec, settings.num_streams, settings.plan)
            self.streams.begin(self._header, history_chunks(codec, settings.plan, exact=not source.live))
        if self._memory and not source.live:
            self._memory.remember(self.stream_id)
        self.uplink.run(self._hello(self._header, source), self._end)
        if self._memory:
            self._memory.forget()

    def _end(self) -> End:
        return End(
            chunks=self.meters.chunks_read, samples=self.meters.samples_read, complete=not self.control.stopped.is_set()
        )

    def _take_feedback(self, feedback: Feedback) -> None:
        self.meters.take_feedback(feedback)
        self.streams.take_feedback(feedback)

    def _count_sent(self, index: int, capture_s: float, payload_bytes: int, resent: bool) -> None:
        self.streams.count_sent(index, payload_bytes)
        self.meters.count_sent(index, self._epoch_s + capture_s, payload_bytes, resent=resent)
