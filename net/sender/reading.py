"""The sender's reading stages: sound is cut into chunks for the encoder, stored codes go to the send buffer."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS
from codec.chunks.packed import PackedChunk
from codec.chunks.plan import Chunker, SoundChunk, Stitching
from codec.chunks.streaming import chunker_for
from codec.container import thin_chunk
from codec.types import Audio
from net.audio.activity import ActivityDetector, ActivityRecord
from net.runtime.pipeline import as_link_error
from net.runtime.queues import PipelineStopped, StageQueue
from net.sender.esc_source import EscSource
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from net.sender.source_control import SourceControl
from net.sender.sources import SAMPLE_RATE, Source, SourceBlock
from net.settings import SenderSettings
from net.telemetry.stream_context import StreamContext

if TYPE_CHECKING:
    from codec import Codec

logger = logging.getLogger(__name__)


@contextmanager
def ending_in_order(control: SourceControl, context: StreamContext) -> Iterator[None]:
    """Have an error of the body end the stream after what was read before, instead of breaking it off.

    Before a receiver has accepted there is nothing to end: then it is raised.
    """
    try:
        yield
    except PipelineStopped:
        raise
    except Exception as error:
        if not control.accepted:
            raise
        logger.exception("reading failed")
        failure = as_link_error("read", error)
        context.events.warning(f"{failure}; what was read before is still sent")
        control.fail(failure)


class SoundReader:
    """Reads a source of sound, in one thread, and queues its chunks with their capture times.

    Of a source that fails while it streams, what was read before is still queued; `control` then has the error.
    """

    def __init__(
        self,
        source: Source,
        settings: SenderSettings,
        codec: "Callable[[], Codec]",
        captured: StageQueue[SoundChunk],
        *,
        control: SourceControl,
        context: StreamContext,
    ) -> None:
        self._source, self._settings, self._codec = source, settings, codec
        self._captured, self._control = captured, control
        self._clock, self._meters, self._context = context.clock, context.meters, context
        self._activity = ActivityDetector(SAMPLE_RATE)
        self._voice = ActivityRecord()
        self._captured_s = self._clock.epoch_s()
        """When the newest sample was captured."""

    def run(self) -> None:
        """Read the source until it ends, fails or is stopped, and close it. Raises `PipelineStopped`."""
        source, control = self._source, self._control
        with closing(source):
            # Time until a receiver accepts is no latency: a file waits for it, live sound is dropped.
            chunker = self._make_chunker(0 if source.live else control.await_accepted())
            with ending_in_order(control, self._context):
                self._read(chunker)
            self._put_chunks(chunker.finish(), self._captured_s)
            self._captured.finish()

    def _read(self, chunker: Chunker) -> None:
        source, control, end_s = self._source, self._control, 0.0
        for block in source.blocks(control.stopped, chunker.start):
            if not source.live:
                end_s += len(block.audio) / SAMPLE_RATE
                control.await_turn(end_s)
                if control.stopped.is_set():
                    break
            elif not self._is_wanted(block):
                continue
            self._captured_s = self._clock.epoch_s() if block.captured_s is None else block.captured_s
            self._put_chunks(chunker.push(self._measured(block)), self._captured_s)

    def _make_chunker(self, first_chunk: int) -> Chunker:
        """Begin with the first chunk, or where the receiver has to go on with an earlier sender's stream."""
        settings = self._settings
        if settings.plan.stitching is Stitching.CROSSFADE:
            chunker = Chunker(settings.plan, first_index=first_chunk)
        else:
            chunker = chunker_for(self._codec(), settings.plan, settings.lookahead_samples, first_chunk)
        self._meters.set(read=first_chunk, samples=chunker.start)
        return chunker

    def _is_wanted(self, block: SourceBlock) -> bool:
        """Whether live sound is sent: before a receiver accepts and during a pause it is only measured."""
        if self._control.accepted and not self._control.paused:
            return True
        self._measure_sound(block, block.audio)
        return False

    def _measured(self, block: SourceBlock) -> Audio:
        audio = block.audio * 0 if self._control.muted else block.audio
        self._meters.count("samples", len(audio))
        self._voice.add(self._meters["samples"], self._measure_sound(block, audio))
        return audio

    def _measure_sound(self, block: SourceBlock, audio: Audio) -> bool:
        """Measure the level and the voice activity of a block's audio; return whether any of it held voice.

        The source says whether there is voice where it knows, otherwise the energy does.
        """
        if block.speech is None:
            held_voice = self._activity.push(audio)
            self._meters.sound.push(audio, self._activity.active)
        else:
            held_voice = block.speech and not self._control.muted
            self._meters.sound.push(audio, held_voice)
        return held_voice

    def _put_chunks(self, chunks: list[SoundChunk], captured_s: float) -> None:
        """Queue chunks; `captured_s` is that of the newest sample, which may lie beyond a chunk's last."""
        for chunk in chunks:
            self._meters.count("read")
            start = self._settings.plan.start(chunk.index)
            stop = start + chunk.samples
            beyond_s = (self._meters["samples"] - stop) / SAMPLE_RATE
            has_voice = self._voice.within(start, stop)
            self._captured.put(replace(chunk, captured_s=captured_s - beyond_s, has_voice=has_voice))


class CodesReader:
    """Reads stored codes, in one thread, and puts them into the send buffer: there is nothing to encode."""

    def __init__(
        self,
        source: EscSource,
        rate: RateController,
        buffer: SendBuffer,
        control: SourceControl,
        context: StreamContext,
    ) -> None:
        self._source, self._rate, self._buffer, self._control = source, rate, buffer, control
        self._clock, self._meters, self._context = context.clock, context.meters, context

    def run(self) -> None:
        """Read the file until it ends or is stopped, and close it. Raises `PipelineStopped`."""
        source, control, header = self._source, self._control, self._source.header
        with closing(source), ending_in_order(control, self._context):
            first = control.await_accepted()
            for stored in source.chunks(first):
                end = header.plan.start(stored.index) + stored.samples
                control.await_turn((end - header.plan.start(first)) / header.sample_rate)
                if control.stopped.is_set():
                    return
                self._count(stored.index + 1, end)
                self._buffer.put(self._outgoing(stored))
                self._rate.update()
            self._count(source.chunk_count, source.total_samples)

    def _outgoing(self, stored: PackedChunk) -> PackedChunk:
        """The chunk as it is sent: with the streams of now, or as silence."""
        chunk = thin_chunk(stored, self._source.header, self._rate.num_streams)
        chunk = replace(chunk, capture_s=max(0.0, self._clock.epoch_s() - self._context.epoch_s))
        silence_dbfs = DIGITAL_SILENCE_DBFS if self._control.muted else chunk.silence_dbfs
        if silence_dbfs is None:
            return chunk
        return replace(chunk, num_streams=0, tail=False, silence_dbfs=silence_dbfs, payload=b"")

    def _count(self, chunks: int, samples: int) -> None:
        """Set how much was read, missing chunks counted."""
        self._meters.set(read=chunks, encoded=chunks, samples=samples)
