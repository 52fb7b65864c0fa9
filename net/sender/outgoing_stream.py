"""One outgoing stream: read, encoded and sent, over as many connections as it takes."""

import math
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from codec.chunks.plan import ChunkPlan, SoundChunk, Stitching
from codec.chunks.streaming import history_chunks
from codec.container import EscHeader, EscReader
from codec.errors import UsageError
from codec.files.esc_chunks import header_for
from codec.sound.reading import AudioReader
from net.audio.devices import AudioSystem
from net.errors import LinkError
from net.protocol.messages import End, Hello
from net.runtime.clock import Clock
from net.runtime.pipeline import Pipeline, as_link_error
from net.runtime.queues import PipelineStopped, StageQueue
from net.sender.connection import SenderConnection
from net.sender.encoding import Encoder, warm_up
from net.sender.enhanced_source import EnhancedSource
from net.sender.esc_source import EscSource
from net.sender.microphone import MicrophoneSource
from net.sender.pipe_source import PipeSource, check_pipe
from net.sender.rate_controller import RateController
from net.sender.reading import CodesReader, SoundReader
from net.sender.resume_store import ResumeStore
from net.sender.send_buffer import SendBuffer
from net.sender.source_control import SourceControl
from net.sender.sources import SAMPLE_RATE, FileSource, Source
from net.settings import SenderSettings
from net.telemetry.events import EventLog
from net.telemetry.status import StreamStatus
from net.telemetry.stream_context import StreamContext
from net.telemetry.stream_meters import StreamMeters
from net.transport.security.peer_verifier import PeerVerifier

if TYPE_CHECKING:
    from codec import Codec

FURTHEST_HISTORY_S = 1.0
"""More than any model needs to go on after another decoder: for codes whose model is not here."""
IN_FLIGHT_CHUNKS = 32
"""Unacknowledged chunks before the receiver says how many it allows."""


def check_input(settings: SenderSettings) -> None:
    """Raise `AudioFileError`, `ContainerError` or `UsageError` where the input is nothing that can be streamed."""
    path = settings.input
    if path is None:
        return
    if settings.reads_forward:
        check_pipe(path)
        return
    with EscReader(path) if _holds_codes(path) else AudioReader(path):
        pass


def _holds_codes(path: Path) -> bool:
    return path.suffix.lower() == ".esc"


class OutgoingStream:
    """The stages of a sender and what flows between them; `open` the source before the pipeline is started.

    Whatever ends the pipeline, it closes the source and the connection.
    """

    def __init__(
        self,
        settings: SenderSettings,
        codec: "Callable[[], Codec]",
        source: Source | None,
        clock: Clock,
        audio_system: AudioSystem,
    ) -> None:
        self._settings, self._codec, self._audio_system = settings, codec, audio_system
        folder = None if settings.reads_forward else settings.state_folder
        self._resume_store = ResumeStore(folder, settings) if folder else None
        self.secure = False
        """Whether everything goes over TLS."""
        self.stream_id = secrets.token_bytes(16)
        self.source: Source | EscSource | None = source
        self.header: EscHeader | None = None
        """What holds for the whole stream, once it is known: from the model, or from the file of codes."""
        self.pipeline = Pipeline("sender", clock)
        meters = StreamMeters(clock, SAMPLE_RATE, "encode", ("encoded", "sent", "decoded", "heard"))
        self.context = StreamContext(
            clock, EventLog(clock), StreamStatus(clock), meters, self.pipeline.stopping, clock.epoch_s()
        )
        self.control = SourceControl(clock, realtime=settings.realtime)
        live = settings.drop_when_behind
        self.captured: StageQueue[SoundChunk] = self.pipeline.add_queue(
            "encode", settings.queue_chunks, drop_oldest=live
        )
        self.buffer = SendBuffer(settings.queue_chunks, IN_FLIGHT_CHUNKS, clock, drop_oldest=live)
        self.rate = RateController(
            settings.num_streams, self.buffer, self.context, adaptive=settings.adaptive, timely=live
        )
        self.connection = SenderConnection(settings, self.buffer, self.rate, self.control, self.context)
        self.pipeline.on_end(lambda: self.context.end(self.pipeline.error))
        self.pipeline.on_end(self.connection.close)
        for wake in (self.buffer.abort, self.connection.close, self.control.stop):
            self.pipeline.on_abort(wake)

    def open(self, verifier: PeerVerifier | None) -> None:
        """Open the source and add the stages; with a verifier connections are secure.

        Raises `AudioFileError`, `ContainerError` or `AudioDeviceError` where the source cannot be opened, `UsageError`
        where the settings ask to resume and no such stream is known.
        """
        self.secure = verifier is not None
        if self._settings.resume:
            self.stream_id = self._known_stream_id()
        source = self.source = self.source or self._open_source()
        self.pipeline.on_end(source.close)
        if self._settings.enhance and not isinstance(source, EscSource):
            source = self.source = EnhancedSource(source, self.control, self.context.meters.sound)
        if isinstance(source, EscSource):
            self._begin_stored(source.header)
            self.pipeline.add_stage("read", lambda: self._read_codes(source))
        else:
            reader = SoundReader(
                source, self._settings, self._codec, self.captured, control=self.control, context=self.context
            )
            self.pipeline.add_stage("read", reader.run)
            self.pipeline.add_stage("encode", self._encode)
        self.pipeline.add_stage("send", lambda: self._send(source, verifier))

    @property
    def most_streams(self) -> int:
        """How many streams may be sent: what was asked for, or what there is of stored codes."""
        asked = self._settings.num_streams
        return min(asked, self.header.num_streams) if self.header else asked

    @property
    def plan(self) -> ChunkPlan:
        """How the sound is cut into chunks."""
        return self.header.plan if self.header else self._settings.plan

    @property
    def input_lost(self) -> bool:
        """Whether the microphone is gone, and silence is sent."""
        return isinstance(self.source, MicrophoneSource | EnhancedSource) and self.source.lost

    @property
    def enhanced(self) -> bool | None:
        """Whether the sound is enhanced just now, None where it cannot be."""
        return not self.control.bypassed if self._settings.enhance else None

    def _known_stream_id(self) -> bytes:
        stream_id = self._resume_store.load() if self._resume_store else None
        if stream_id is None:
            raise UsageError(
                f"no unfinished stream of {self._settings.input} to {self.connection.peer} with "
                "these options is known: leave out --resume to begin it"
            )
        return stream_id

    def _open_source(self) -> Source | EscSource:
        settings, context = self._settings, self.context
        if settings.input is None:
            assert settings.microphone is not None
            return MicrophoneSource(self._audio_system, settings.microphone, SAMPLE_RATE, context)
        if settings.reads_forward:
            return PipeSource(settings.input, settings.raw, live=settings.drop_when_behind)
        if _holds_codes(settings.input):
            return EscSource(settings.input, context.events)
        return FileSource(settings.input, context.events)

    def _begin_stored(self, header: EscHeader) -> None:
        self.header = header
        crossfade = header.plan.stitching is Stitching.CROSSFADE
        furthest = math.ceil(FURTHEST_HISTORY_S * header.sample_rate / header.chunk_samples)
        self.rate.begin_stream(header, 1 if crossfade else furthest)
        self.rate.choose(self.most_streams)

    def _begin_coded(self, live: bool) -> None:
        """Load the model, which says what holds for the stream."""
        codec, settings = self._codec(), self._settings
        if live:  # which would not wait for the slow first chunks
            warm_up(codec, settings.plan, settings.lookahead_samples, settings.num_streams)
        self.header = header_for(codec, settings.num_streams, settings.plan)
        self.rate.begin_stream(self.header, history_chunks(codec, settings.plan, exact=not live))

    def _hello(self, header: EscHeader, source: Source | EscSource) -> Hello:
        return Hello(
            stream_id=self.stream_id,
            resume=self._settings.resume,
            fingerprint=header.fingerprint,
            model=header.model,
            sample_rate=header.sample_rate,
            chunk_samples=header.chunk_samples,
            overlap_samples=header.overlap_samples,
            stitching=header.stitching.value,
            num_streams=self.most_streams,
            groups=header.groups,
            bits_per_code=header.bits_per_code,
            total_samples=source.total_samples,
            epoch_s=self.context.epoch_s,
            live=source.live,
            name=source.name,
            sender=socket.gethostname(),
        )

    # Stages: each method below runs in a thread of its own.

    def _read_codes(self, source: EscSource) -> None:
        CodesReader(source, self.rate, self.buffer, self.control, self.context).run()
        self._finish()

    def _encode(self) -> None:
        encoder = Encoder(self._codec, self.rate, self.buffer, self.context, skip_silence=self._settings.skip_silence)
        try:
            encoder.run(self.captured)
        except PipelineStopped:
            raise
        except Exception as error:  # noqa: BLE001 - `_send` raises it, once the receiver knows that no more will come
            self.control.fail(as_link_error("encode", error))
            self.captured.abort()
            self._finish_before(encoder.index)
        else:
            self._finish()

    def _finish(self) -> None:
        counts = self.context.meters.counts("read", "samples")
        complete = not self.control.stopped.is_set()
        self.buffer.finish(End(chunks=counts["read"], samples=counts["samples"], complete=complete))

    def _finish_before(self, index: int) -> None:
        """End with the chunk before `index`, which cannot be encoded."""
        samples = self.plan.start(index - 1) + self.plan.chunk_samples if index else 0
        self.buffer.finish(End(chunks=index, samples=samples, complete=False))

    def _send(self, source: Source | EscSource, verifier: PeerVerifier | None) -> None:
        if self.header is None:
            self._begin_coded(source.live)
        assert self.header is not None
        if self._resume_store and not source.live:
            self._resume_store.save(self.stream_id)
        try:
            self.connection.run(self._hello(self.header, source), verifier)
        except LinkError as error:
            if self.control.error is None:
                raise
            raise self.control.error from error
        if self._resume_store:
            self._resume_store.delete()
        if self.control.error is not None:
            raise self.control.error
