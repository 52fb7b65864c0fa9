"""Sound ↔ the chunks of an `.esc` file, through the very chunk code that sender and receiver use."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from codec.audio import ChannelAudio
from codec.bitstream import pack_codes, unpack_codes
from codec.chunks import Audio, Chunker, ChunkPlan
from codec.container import EscHeader, Stitching, StoredChunk
from codec.container.layout import shortened_name
from codec.errors import ModelError, UsageError
from codec.streaming import ChunkDecoder, CodedChunk, Contribution, encode_chunk
from codec.whole import WholeDecoder, WholeEncoder

if TYPE_CHECKING:
    from codec.inference import Codec

WHOLE = ChunkPlan(16000, 0)
"""How the codes of a sound that is coded as a whole are cut for storage."""


class _Encoder(Protocol):
    def push(self, block: Audio) -> list[CodedChunk]: ...
    def finish(self) -> list[CodedChunk]: ...


class _Decoder(Protocol):
    def push(self, chunk: CodedChunk) -> Contribution: ...
    def push_silence(self, index: int, samples: int) -> Contribution: ...
    def finish(self) -> Contribution: ...


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

    Without a plan the sound is coded as a whole, which is seamless; with one, in chunks that are cross-faded unless
    `stitching` says otherwise. Raises `UsageError` for a number of streams that the model has not, and for seamless
    chunks that overlap or are no whole number of code frames.
    """
    streams = codec.max_streams if num_streams is None else num_streams
    if not 1 <= streams <= codec.max_streams:
        raise UsageError(f"the number of streams must be 1 to {codec.max_streams}, not {streams}")
    chosen = plan or WHOLE
    stitched = stitching or (Stitching.CROSSFADE if plan else Stitching.SEAMLESS)
    if stitched is Stitching.SEAMLESS and (chosen.overlap_samples or chosen.chunk_samples % codec.frame_samples):
        raise UsageError(
            f"seamless chunks do not overlap and are a multiple of {codec.frame_samples} samples, "
            f"not {chosen.chunk_samples} with an overlap of {chosen.overlap_samples}"
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
        stitching=stitched,
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
    """Turns sound `[channel, samples]`, block by block, into the chunks of a file with `header`."""

    def __init__(self, codec: "Codec", header: EscHeader) -> None:
        self._header = header
        make = WholeEncoder if header.stitching is Stitching.SEAMLESS else _ChunkEncoder
        self._encoders: list[_Encoder] = [make(codec, header) for _ in range(header.channels)]

    def push(self, block: ChannelAudio) -> list[StoredChunk]:
        """Take more sound; return the chunks that are complete, in file order."""
        return self._interleaved(
            [encoder.push(channel) for encoder, channel in zip(self._encoders, block, strict=True)]
        )

    def finish(self) -> list[StoredChunk]:
        """Return the chunks that are left."""
        return self._interleaved([encoder.finish() for encoder in self._encoders])

    def _interleaved(self, per_channel: list[list[CodedChunk]]) -> list[StoredChunk]:
        return [
            self._stored(coded, channel)
            for same_index in zip(*per_channel, strict=True)
            for channel, coded in enumerate(same_index)
        ]

    def _stored(self, coded: CodedChunk, channel: int) -> StoredChunk:
        return StoredChunk(
            index=coded.index,
            samples=coded.samples,
            num_streams=coded.num_streams,
            payload=pack_codes(coded.codes, self._header.bits_per_code),
            channel=channel,
            tail=coded.tail,
        )


class SoundDecoder:
    """Turns the chunks of a file with `header` into its sound, with at most `num_streams` of them.

    Raises `ModelError` where the file is another model's, `UsageError` where it has fewer streams.
    """

    def __init__(self, codec: "Codec", header: EscHeader, num_streams: int | None = None) -> None:
        check_model(header, codec)
        if num_streams is not None and not 1 <= num_streams <= header.num_streams:
            raise UsageError(f"the file has {header.num_streams} streams: choose 1 to that many, not {num_streams}")
        self._header = header
        self._num_streams = num_streams or header.num_streams
        self._decoders: list[_Decoder] = [
            ChunkDecoder(codec, header.plan) if header.stitching is Stitching.CROSSFADE else WholeDecoder(codec, header)
            for _ in range(header.channels)
        ]

    def push(self, chunks: Sequence[StoredChunk | None], index: int, samples: int) -> ChannelAudio:
        """Take chunk `index` of all channels, None where it is missing; return the sound that is final with it."""
        decoded = zip(self._decoders, chunks, strict=True)
        return np.stack([self._push(decoder, chunk, index, samples) for decoder, chunk in decoded])

    def finish(self) -> ChannelAudio:
        """Return the sound's end."""
        return np.stack([decoder.finish().audio for decoder in self._decoders])

    def _push(self, decoder: _Decoder, chunk: StoredChunk | None, index: int, samples: int) -> Audio:
        if chunk is None or chunk.silence_dbfs is not None:
            return decoder.push_silence(index, samples).audio
        frames = self._header.frames(chunk.samples, tail=chunk.tail)
        shape = (chunk.num_streams, self._header.groups, frames)
        codes = unpack_codes(chunk.payload, *shape, self._header.bits_per_code)
        return decoder.push(CodedChunk(index, chunk.samples, codes[: self._num_streams], chunk.tail)).audio


class _ChunkEncoder:
    """Codes each chunk on its own."""

    def __init__(self, codec: "Codec", header: EscHeader) -> None:
        self._codec, self._num_streams = codec, header.num_streams
        self._chunker = Chunker(header.plan)

    def push(self, block: Audio) -> list[CodedChunk]:
        return [encode_chunk(self._codec, chunk, self._num_streams) for chunk in self._chunker.push(block)]

    def finish(self) -> list[CodedChunk]:
        return [encode_chunk(self._codec, chunk, self._num_streams) for chunk in self._chunker.finish()]
