"""Sound ↔ the chunks of an `.esc` file, through the very chunk code that sender and receiver use."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks.bits import pack_codes, unpack_codes
from codec.chunks.packed import PackedChunk
from codec.chunks.plan import PAD_SAMPLES, ChunkPlan, SoundChunk, Stitching
from codec.chunks.streaming import ChunkDecoder, CodedChunk, check_streamable, chunker_for, decoder_for, encode_chunk
from codec.container import EscHeader
from codec.container.layout import shortened_name
from codec.errors import ModelError, UsageError
from codec.types import Audio, ChannelAudio

if TYPE_CHECKING:
    from codec.codec import Codec

WHOLE = ChunkPlan(16000, 0, Stitching.SEAMLESS)
"""How the codes of a sound that is coded as a whole are cut for storage."""

SPAN_SAMPLES = 160_000
"""About how much of a seamless sound is coded at once: more shares more of its context, and takes more memory."""


def header_for(
    codec: "Codec",
    num_streams: int | None = None,
    plan: ChunkPlan | None = None,
    stitching: Stitching | None = None,
    *,
    channels: int = 1,
    source_rate: int = 0,
) -> EscHeader:
    """The header of a file that `codec` makes.

    Without a plan the sound is coded as a whole, which is seamless; with one, in chunks that are joined as it says,
    or as `stitching` says. Raises `ModelError` for a model that files do not take, `UsageError` for a number of
    streams that the model has not, and for seamless chunks that overlap or are no whole number of code frames.
    """
    check_streamable(codec)
    streams = codec.max_streams if num_streams is None else num_streams
    if not 1 <= streams <= codec.max_streams:
        raise UsageError(f"the number of streams must be 1 to {codec.max_streams}, not {streams}")
    chosen = plan or WHOLE
    if stitching is not None:
        chosen = replace(chosen, stitching=stitching)
    if chosen.stitching is Stitching.SEAMLESS and chosen.chunk_samples % codec.frame_samples:
        raise UsageError(
            f"seamless chunks must be a multiple of {codec.frame_samples} samples long, not {chosen.chunk_samples}"
        )
    return EscHeader(
        fingerprint=codec.fingerprint,
        model=shortened_name(codec.name),
        sample_rate=codec.sample_rate,
        num_streams=streams,
        groups=codec.groups,
        bits_per_code=codec.bits_per_code,
        frame_samples=codec.frame_samples,
        chunk_samples=chosen.chunk_samples,
        overlap_samples=chosen.overlap_samples,
        stitching=chosen.stitching,
        channels=channels,
        source_rate=source_rate,
    )


def check_model(header: EscHeader, codec: "Codec") -> None:
    """Raise `ModelError` where `codec` is not the model whose codes the file holds."""
    if header.fingerprint != codec.fingerprint:
        raise ModelError(
            f"the file was made by the model {header.model!r} ({header.fingerprint}), and {codec.name!r} "
            f"({codec.fingerprint}) cannot decode it: give its folder by --model-path"
        )


class SoundEncoder:
    """FairSemaphore sound `[channel, samples]`, block by block, into the chunks of a file with `header`."""

    def __init__(self, codec: "Codec", header: EscHeader) -> None:
        self._header = header
        self._encoders = [_ChunkEncoder(codec, header) for _ in range(header.channels)]

    def push(self, block: ChannelAudio) -> list[PackedChunk]:
        """Take more sound; return the chunks that are complete, in file order."""
        return self._interleaved(
            [encoder.push(channel) for encoder, channel in zip(self._encoders, block, strict=True)]
        )

    def finish(self) -> list[PackedChunk]:
        """Return the chunks that are left."""
        return self._interleaved([encoder.finish() for encoder in self._encoders])

    def _interleaved(self, per_channel: list[list[CodedChunk]]) -> list[PackedChunk]:
        return [
            self._stored(coded, channel)
            for same_index in zip(*per_channel, strict=True)
            for channel, coded in enumerate(same_index)
        ]

    def _stored(self, coded: CodedChunk, channel: int) -> PackedChunk:
        return PackedChunk(
            index=coded.index,
            samples=coded.samples,
            num_streams=coded.num_streams,
            payload=pack_codes(coded.codes, self._header.bits_per_code),
            channel=channel,
            tail=coded.tail,
        )


class SoundDecoder:
    """FairSemaphore the chunks of a file with `header` into its sound, with at most `num_streams` of them.

    Of seamless chunks `at_once_samples` are decoded at a time; 1 gives bit for bit what a receiver makes of them.
    Raises `ModelError` where the file is another model's, `UsageError` where it has fewer streams.
    """

    def __init__(
        self, codec: "Codec", header: EscHeader, num_streams: int | None = None, at_once_samples: int = SPAN_SAMPLES
    ) -> None:
        check_model(header, codec)
        if num_streams is not None and not 1 <= num_streams <= header.num_streams:
            raise UsageError(f"the file has {header.num_streams} streams: choose 1 to that many, not {num_streams}")
        self._header = header
        self._num_streams = num_streams or header.num_streams
        self._decoders = [decoder_for(codec, header.plan, None, at_once_samples) for _ in range(header.channels)]

    def push(self, chunks: Sequence[PackedChunk | None], index: int, samples: int) -> ChannelAudio:
        """Take chunk `index` of all channels, None where it is missing; return the sound that is final with it."""
        decoded = zip(self._decoders, chunks, strict=True)
        return np.stack([self._push(decoder, chunk, index, samples) for decoder, chunk in decoded])

    def finish(self) -> ChannelAudio:
        """Return the sound's end."""
        return np.stack([decoder.finish().audio for decoder in self._decoders])

    def _push(self, decoder: ChunkDecoder, chunk: PackedChunk | None, index: int, samples: int) -> Audio:
        if chunk is None:
            return decoder.push_silence(index, samples).audio
        if chunk.silence_dbfs is not None:
            return decoder.push_silence(index, samples, chunk.silence_dbfs).audio
        frames = self._header.frames(chunk.samples, tail=chunk.tail)
        shape = (chunk.num_streams, self._header.groups, frames)
        codes = unpack_codes(chunk.payload, *shape, self._header.bits_per_code)
        return decoder.push(CodedChunk(index, chunk.samples, codes[: self._num_streams], chunk.tail)).audio


class _ChunkEncoder:
    """Codes the chunks of one channel; seamless ones several at once, since their codes do not depend on it."""

    def __init__(self, codec: "Codec", header: EscHeader) -> None:
        self._codec, self._num_streams, self._plan = codec, header.num_streams, header.plan
        self._at_once = 1
        if self._plan.stitching is Stitching.SEAMLESS:
            self._at_once = max(1, SPAN_SAMPLES // self._plan.chunk_samples)
        span = replace(self._plan, chunk_samples=self._at_once * self._plan.chunk_samples)
        self._chunker = chunker_for(codec, span)

    def push(self, block: Audio) -> list[CodedChunk]:
        return self._encode(self._chunker.push(block))

    def finish(self) -> list[CodedChunk]:
        return self._encode(self._chunker.finish())

    def _encode(self, spans: list[SoundChunk]) -> list[CodedChunk]:
        coded = (encode_chunk(self._codec, span, self._num_streams) for span in spans)
        return [part for span in coded for part in self._parts(span)]

    def _parts(self, span: CodedChunk) -> list[CodedChunk]:
        if self._at_once == 1:
            return [span]
        length = self._plan.chunk_samples
        starts = range(0, span.samples, length)
        return [
            CodedChunk(
                span.index * self._at_once + start // length,
                min(length, span.samples - start),
                span.codes[
                    :, :, start // PAD_SAMPLES : None if start == starts[-1] else (start + length) // PAD_SAMPLES
                ],
                span.tail and start == starts[-1],
            )
            for start in starts
        ]
