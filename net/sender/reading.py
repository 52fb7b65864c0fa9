"""The sender's reading stages: sound is cut into chunks for the encoder, stored codes are handed on as they are."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from codec.chunks.plan import Chunker, SoundChunk, Stitching
from codec.chunks.streaming import chunker_for
from codec.container import EscHeader
from codec.types import Audio
from net.audio.activity import ActivityDetector, ActivityRecord
from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped, StageQueue
from net.sender.connection import SenderConnection
from net.sender.encoding import CapturedChunk
from net.sender.esc_source import EscSource, outgoing_chunk
from net.sender.meters import SenderMeters
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from net.sender.source_control import SourceControl
from net.sender.sources import Source, SourceBlock
from net.settings import SenderSettings

if TYPE_CHECKING:
    from codec import Codec


class Audience:
    """Sound is taken only when somebody listens: time at the door is no latency."""

    def __init__(self, uplink: SenderConnection, meters: SenderMeters, stopping: threading.Event) -> None:
        self._uplink, self._meters, self._stopping = uplink, meters, stopping

    @property
    def present(self) -> bool:
        """Whether a receiver has accepted the stream."""
        if not self._uplink.accepted.is_set():
            return False
        self._meters.payload.start()
        return True

    @property
    def first_chunk(self) -> int:
        """Where it wants the stream to begin."""
        return self._uplink.first_chunk

    def wait(self) -> None:
        """Wait until a receiver has accepted the stream. Raises `PipelineStopped`."""
        self._uplink.accepted.wait()
        if self._stopping.is_set():
            raise PipelineStopped
        self._meters.payload.start()


class SoundReader:
    """Reads a source of sound, in one thread, and queues its chunks."""

    def __init__(
        self,
        source: Source,
        settings: SenderSettings,
        codec: "Callable[[], Codec]",
        captured: StageQueue[CapturedChunk],
        *,
        audience: Audience,
        control: SourceControl,
        meters: SenderMeters,
        clock: Clock,
        sample_rate: int,
    ) -> None:
        self._source, self._settings, self._codec = source, settings, codec
        self._captured, self._audience, self._control = captured, audience, control
        self._meters, self._clock, self._rate = meters, clock, sample_rate
        self._activity = ActivityDetector(sample_rate)
        self._voice = ActivityRecord()

    def run(self) -> None:
        """Read the source to its end, or until it is to stop. Raises `PipelineStopped`."""
        source, control = self._source, self._control
        if not source.live:
            self._audience.wait()
        chunker = self._begin_chunks()
        captured_s = self._clock.epoch_s()
        try:
            for block in source.blocks(control.stopped):
                if source.live and not self._is_wanted(block):
                    continue
                captured_s = block.captured_s
                self._put_chunks(chunker.push(self._heard(block)), captured_s)
                if not source.live:
                    control.await_resume(source)
                if control.stopped.is_set():
                    break
            self._put_chunks(chunker.finish(), captured_s)
            self._captured.finish()
        finally:
            source.close()

    def _begin_chunks(self) -> Chunker:
        """Start at the beginning, or where the receiver has to go on with an earlier sender's stream."""
        settings, first = self._settings, self._audience.first_chunk
        if settings.plan.stitching is Stitching.CROSSFADE:
            chunker = Chunker(settings.plan, first_index=first)
        else:
            chunker = chunker_for(self._codec(), settings.plan, settings.lookahead_samples, first)
        if first:
            self._source.skip(chunker.start)
            self._meters.count_skipped(first, chunker.start)
        return chunker

    def _is_wanted(self, block: SourceBlock) -> bool:
        """Live sound is measured, but not sent, while nobody listens yet or the sender pauses."""
        if self._audience.present and not self._control.paused:
            return True
        self._meters.sound.push(block.audio)
        self._meters.sound.speech = self._activity.push(block.audio)
        return False

    def _heard(self, block: SourceBlock) -> Audio:
        audio = block.audio * 0 if self._control.muted else block.audio
        self._meters.count_sound(audio)
        self._voice.add(self._meters.samples_read, self._activity.push(audio))
        self._meters.sound.speech = self._activity.active
        return audio

    def _put_chunks(self, chunks: list[SoundChunk], captured_s: float) -> None:
        """Queue chunks; `captured_s` is that of the newest sample, which may lie beyond a chunk's last."""
        for chunk in chunks:
            self._meters.count_read()
            start = self._settings.plan.start(chunk.index)
            stop = start + chunk.samples
            beyond = self._meters.samples_read - stop
            active = self._voice.within(start, stop)
            self._captured.put(CapturedChunk(chunk, captured_s - beyond / self._rate, active=active))


class CodesReader:
    """Reads stored codes, in one thread, and queues them for sending: there is nothing to encode."""

    def __init__(
        self,
        source: EscSource,
        streams: RateController,
        window: SendBuffer,
        *,
        audience: Audience,
        control: SourceControl,
        meters: SenderMeters,
        epoch_s: float,
    ) -> None:
        self._source, self._streams, self._window = source, streams, window
        self._audience, self._control, self._meters = audience, control, meters
        self._epoch_s = epoch_s

    def run(self) -> None:
        """Read the file to its end, or until it is to stop. Raises `PipelineStopped`."""
        source, control = self._source, self._control
        stream: EscHeader = source.header
        self._audience.wait()
        try:
            for stored in source.chunks(control.stopped, self._epoch_s, self._audience.first_chunk):
                chunk = outgoing_chunk(stored, stream, num_streams=self._streams.now, muted=control.muted)
                self._meters.count_stored(chunk.index + 1, stream.plan.start(chunk.index) + chunk.samples)
                self._streams.queue(chunk)
                control.await_resume(source)
            if not control.stopped.is_set():
                self._meters.count_stored(source.chunk_count, source.total_samples)
            self._window.finish()
        finally:
            source.close()
