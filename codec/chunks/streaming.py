"""Encoding and decoding chunk by chunk, shared by links and files, so that both give the same samples."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS, comfort_noise
from codec.chunks.packed import CodedChunk, code_frames
from codec.chunks.plan import PAD_SAMPLES, Chunker, ChunkPlan, SoundChunk, Stitching
from codec.chunks.receptive_field import decoding_field, encoding_field
from codec.chunks.stitching import Stitcher
from codec.errors import ModelError
from codec.types import Audio

if TYPE_CHECKING:
    from codec.codec import Codec

NO_SOUND = np.zeros(0, np.float32)

FADE_SAMPLES = 80
"""Around missing seamless chunks the sound fades out and in over 5 ms."""


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """The stretch of stitched sound that becomes final with one chunk: all of them, joined, are the whole sound."""

    index: int
    audio: Audio


def check_streamable(codec: "Codec") -> None:
    """Raise `ModelError` for a model whose code frames are not of 320 samples, as chunks and files need them."""
    if codec.frame_samples != PAD_SAMPLES:
        raise ModelError(
            f"the model {codec.name!r} makes code frames of {codec.frame_samples} samples: links and .esc files take "
            f"models with frames of {PAD_SAMPLES} (hops, times time_patch, times overlap)"
        )


def chunker_for(codec: "Codec", plan: ChunkPlan, lookahead_samples: int | None = None, first_index: int = 0) -> Chunker:
    """A chunker whose chunks carry the context that `codec` needs for `plan`.

    `lookahead_samples` limits how much sound after a seamless chunk is waited for: less delay, other codes.
    """
    if plan.stitching is Stitching.CROSSFADE:
        return Chunker(plan, first_index=first_index)
    return Chunker(plan, encoding_field(codec.config).cut(lookahead_samples), first_index)


def encode_chunk(codec: "Codec", chunk: SoundChunk, num_streams: int) -> CodedChunk:
    """Encode a chunk inside its context, padded with silence to whole code frames; return its own codes only."""
    sound = np.concatenate([chunk.before, chunk.audio, chunk.after])
    codes = codec.encode(np.pad(sound, (0, -len(sound) % PAD_SAMPLES)), num_streams)
    first = len(chunk.before) // PAD_SAMPLES
    kept = codes[:, :, first : first + code_frames(chunk.samples, chunk.tail)]
    return CodedChunk(chunk.index, chunk.samples, kept.astype(np.uint16), chunk.tail)


class ChunkDecoder(Protocol):
    """Decodes chunks in order and joins them; chunks that are missing become silence of their length."""

    def push(self, chunk: CodedChunk) -> Contribution:
        """Decode the next chunk; return the stretch of sound that is final with it, possibly empty."""
        ...

    def push_silence(self, index: int, samples: int, level_dbfs: int = DIGITAL_SILENCE_DBFS) -> Contribution:
        """Put silence, or comfort noise of that level, in the place of a chunk that is lost or announced as silent."""
        ...

    def finish(self) -> Contribution:
        """Return the end of the sound, which belongs to the last chunk."""
        ...


def decoder_for(
    codec: "Codec", plan: ChunkPlan, lookahead_samples: int | None = None, at_once_samples: int = 1
) -> ChunkDecoder:
    """A decoder for chunks of `plan`.

    For seamless chunks, `lookahead_samples` limits how much sound is held back until the codes after it are known, and
    at least `at_once_samples` are decoded at a time: more cost less work and come later.
    """
    if plan.stitching is Stitching.CROSSFADE:
        return CrossfadeDecoder(codec, plan)
    return SeamlessDecoder(codec, plan, lookahead_samples, at_once_samples)


class CrossfadeDecoder:
    """A `ChunkDecoder` for overlapping chunks, each coded on its own."""

    def __init__(self, codec: "Codec", plan: ChunkPlan) -> None:
        self._codec = codec
        self._stitcher = Stitcher(plan)
        self._last_index = -1

    def push(self, chunk: CodedChunk) -> Contribution:
        """Decode the next chunk; return the stretch of sound that is final with it."""
        return self._stitch(chunk.index, self._codec.decode(chunk.codes, samples=chunk.samples))

    def push_silence(self, index: int, samples: int, level_dbfs: int = DIGITAL_SILENCE_DBFS) -> Contribution:
        """Put silence, or comfort noise of that level, in the place of a chunk that is lost or announced as silent."""
        return self._stitch(index, comfort_noise(level_dbfs, samples, seed=index))

    def finish(self) -> Contribution:
        """Return the end of the last chunk."""
        return Contribution(self._last_index, self._stitcher.finish())

    def _stitch(self, index: int, audio: Audio) -> Contribution:
        self._last_index = index
        return Contribution(index, self._stitcher.push(audio))


class SeamlessDecoder:
    """A `ChunkDecoder` for chunks whose joined codes are those of the whole sound.

    Sound is decoded with the codes around it as context, and returned as soon as the codes that it depends on are
    known. Around missing codes it is decoded as if it ended and began there, and faded.
    """

    def __init__(
        self, codec: "Codec", plan: ChunkPlan, lookahead_samples: int | None = None, at_once_samples: int = 1
    ) -> None:
        self._codec = codec
        self._at_once_samples = at_once_samples
        self._after_gap = False
        self._plan = plan
        self._field = decoding_field(codec.config).cut(lookahead_samples)
        self._run: CodeRun | None = None
        self._decoded = 0
        self._last_index = -1

    def push(self, chunk: CodedChunk) -> Contribution:
        """Decode the next chunk; return the stretch of sound that is final with it, possibly empty."""
        self._last_index = chunk.index
        if self._run is None:
            self._decoded = self._plan.start(chunk.index)
            self._run = CodeRun(self._decoded, self._codec.groups)
        self._run.add(chunk)
        if chunk.tail or chunk.samples % PAD_SAMPLES:
            return Contribution(chunk.index, self._end_run())
        ready = self._run.stop - self._field.ahead_samples
        if ready - self._decoded < self._at_once_samples:
            return Contribution(chunk.index, NO_SOUND)
        return Contribution(chunk.index, self._decode_to(self._run, ready))

    def push_silence(self, index: int, samples: int, level_dbfs: int = DIGITAL_SILENCE_DBFS) -> Contribution:
        """Put silence, or comfort noise of that level, in the place of a chunk that is lost or announced as silent."""
        self._last_index = index
        before = faded(self._end_run()[::-1])[::-1]
        self._after_gap = True
        return Contribution(index, np.concatenate([before, comfort_noise(level_dbfs, samples, seed=index)]))

    def finish(self) -> Contribution:
        """Return the end of the sound."""
        return Contribution(self._last_index, self._end_run())

    def _end_run(self) -> Audio:
        run, self._run = self._run, None
        return self._decode_to(run, run.stop) if run else NO_SOUND

    def _decode_to(self, run: "CodeRun", stop: int) -> Audio:
        start, self._decoded = self._decoded, max(self._decoded, stop)
        if stop <= start:
            return NO_SOUND
        first = max(self._field.aligned(run.start), self._field.start_of_context(start))
        codes, streams = run.slice(first, stop + self._field.ahead_samples)
        audio = self._codec.decode(codes, samples=stop - first, streams=streams)[start - first :]
        run.forget(self._field.start_of_context(stop))
        audio, self._after_gap = faded(audio) if self._after_gap else audio, False
        return audio


def history_chunks(codec: "Codec", plan: ChunkPlan, *, exact: bool = True) -> int:
    """Chunks before the next one that a new decoder needs to continue at the sample where another stopped.

    Without `exact` the sound may differ from that of the whole within the receptive field.
    """
    if plan.stitching is Stitching.CROSSFADE:
        return 1
    field = decoding_field(codec.config)
    needed_samples = field.ahead_samples
    if exact:
        needed_samples += field.back_samples + field.alignment_samples - PAD_SAMPLES
    return -(-needed_samples // plan.chunk_samples)


def faded(audio: Audio) -> Audio:
    """The sound with its beginning faded in."""
    audio = audio.copy()
    length = min(FADE_SAMPLES, len(audio))
    audio[:length] *= np.linspace(0, 1, length, dtype=np.float32)
    return audio


class CodeRun:
    """The joined codes of consecutive chunks, as far back as they are needed; chunks may differ in streams."""

    def __init__(self, start: int, groups: int) -> None:
        self.start = start
        """The first chunk's first sample."""
        self.stop = start
        """The sample after the last chunk's last."""
        self._held_from = start
        self._codes = np.zeros((0, groups, 0), np.int64)
        self._streams = np.zeros(0, np.int64)

    def add(self, chunk: CodedChunk) -> None:
        """Append the codes of a chunk."""
        streams, groups, frames = chunk.codes.shape
        most = max(streams, len(self._codes))
        joined = np.zeros((most, groups, len(self._streams) + frames), np.int64)
        joined[: len(self._codes), :, : len(self._streams)] = self._codes
        joined[:streams, :, len(self._streams) :] = chunk.codes
        self._codes = joined
        self._streams = np.append(self._streams, np.full(frames, streams))
        self.stop += chunk.samples

    def slice(self, start: int, stop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Codes `[stream, group, frame]` from sample `start` on that give sound up to `stop`, or to the run's end.

        Also the number of streams of each frame. Decoding needs one frame more than the sound fills, and an aligned
        start: the first and the last frame are repeated where none precedes or follows.
        """
        first, last = (start - self._held_from) // PAD_SAMPLES, -(-(stop - self._held_from) // PAD_SAMPLES)
        last = min(last, -(-(self.stop - self._held_from) // PAD_SAMPLES))
        frames = np.clip(np.arange(first, last + 1), 0, len(self._streams) - 1)
        streams = self._streams[frames]
        return self._codes[: streams.max(), :, frames], streams

    def forget(self, before: int) -> None:
        """Drop the codes before this sample."""
        gone = max(0, before - self._held_from) // PAD_SAMPLES
        self._codes, self._streams = self._codes[:, :, gone:], self._streams[gone:]
        self._held_from += gone * PAD_SAMPLES
