"""Sound ↔ the chunks of an `.esc` file: one encoder and one decoder, made of the chunk code that links use.

`encoded_chunks` and `decoded_blocks` work block by block in bounded memory, for files and in memory alike.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks.packed import CodedChunk, PackedChunk, code_frames, pack_chunk, unpack_chunk
from codec.chunks.plan import PAD_SAMPLES, ChunkPlan, SoundChunk, Stitching
from codec.chunks.streaming import ChunkDecoder, check_streamable, chunker_for, decoder_for, encode_chunk
from codec.container import EscHeader, EscReader
from codec.container.layout import MAX_CHANNELS, shortened_name
from codec.errors import ContainerError, DamagedChunk, ModelError, UsageError
from codec.types import Audio, ChannelAudio

if TYPE_CHECKING:
    from codec.codec import Codec

WHOLE = ChunkPlan(16000, 0, Stitching.SEAMLESS)
"""How the codes of a sound that is coded as a whole are cut for storage."""

SPAN_SAMPLES = 160_000
"""About how much of a seamless sound is coded at once: more shares more of its context, and takes more memory."""

OnDamage = Callable[[DamagedChunk], None]
"""Is called with each damaged chunk that silence stands for."""


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
    streams or channels out of range, and for seamless chunks that overlap or are no whole number of code frames.
    """
    check_streamable(codec)
    streams = codec.max_streams if num_streams is None else num_streams
    if not 1 <= streams <= codec.max_streams:
        raise UsageError(f"the number of streams must be 1 to {codec.max_streams}, not {streams}")
    if channels > MAX_CHANNELS:
        raise UsageError(f"an .esc file holds {MAX_CHANNELS} channels at most, not {channels}: use --channels mix")
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


def encoded_chunks(
    blocks: Iterable[ChannelAudio], codec: "Codec", header: EscHeader
) -> Iterator[tuple[PackedChunk, ...]]:
    """Code sound `[channel, samples]` in blocks of any length; yield, index by index, the chunks of all channels."""
    encoders = [_ChannelEncoder(codec, header, channel) for channel in range(header.channels)]
    for block in blocks:
        pushed = [encoder.push(audio) for encoder, audio in zip(encoders, block, strict=True)]
        yield from zip(*pushed, strict=True)
    yield from zip(*[encoder.finish() for encoder in encoders], strict=True)


def decoded_blocks(
    reader: EscReader, codec: "Codec", num_streams: int | None = None, on_damage: OnDamage | None = None
) -> Iterator[ChannelAudio]:
    """The sound `[channel, samples]` of an open file, chunk after chunk and its end.

    Without `on_damage` a damaged chunk raises `DamagedChunk`; with it, silence stands for the chunk.
    """
    header = reader.header
    decoder = SoundDecoder(codec, header, num_streams)
    for index in range(reader.chunk_count):
        chunks = [_read(reader, index, channel, on_damage) for channel in range(header.channels)]
        yield decoder.push(chunks, index, header.samples_of(index, reader.total_samples))
    yield decoder.finish()


class SoundDecoder:
    """Decodes the chunks of a file with `header`, with at most `num_streams` of them.

    Of seamless chunks `at_once_samples` are decoded at a time; 1 gives bit for bit what a receiver makes of them.
    Raises `ModelError` where another model made the file, `UsageError` where it has fewer streams, `ContainerError`
    where its header contradicts the model.
    """

    def __init__(
        self, codec: "Codec", header: EscHeader, num_streams: int | None = None, at_once_samples: int = SPAN_SAMPLES
    ) -> None:
        _check_model(header, codec)
        if num_streams is not None and not 1 <= num_streams <= header.num_streams:
            raise UsageError(f"the file has {header.num_streams} streams: choose 1 to that many, not {num_streams}")
        self._header, self._num_streams = header, num_streams
        self._decoders = [decoder_for(codec, header.plan, None, at_once_samples) for _ in range(header.channels)]

    def push(self, chunks: Sequence[PackedChunk | None], index: int, samples: int) -> ChannelAudio:
        """Decode chunk `index` of all channels, None where it is missing; return the sound that is final with it."""
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
        return decoder.push(
            unpack_chunk(chunk, self._header.groups, self._header.bits_per_code, self._num_streams)
        ).audio


class _ChannelEncoder:
    """Codes the chunks of one channel; seamless ones several at once, since their codes do not depend on it."""

    def __init__(self, codec: "Codec", header: EscHeader, channel: int) -> None:
        self._codec, self._header, self._channel = codec, header, channel
        self._chunk_samples = header.chunk_samples
        self._at_once = 1
        if header.stitching is Stitching.SEAMLESS:
            self._at_once = max(1, SPAN_SAMPLES // self._chunk_samples)
        self._chunker = chunker_for(codec, replace(header.plan, chunk_samples=self._at_once * self._chunk_samples))

    def push(self, block: Audio) -> list[PackedChunk]:
        return self._encode(self._chunker.push(block))

    def finish(self) -> list[PackedChunk]:
        return self._encode(self._chunker.finish())

    def _encode(self, spans: list[SoundChunk]) -> list[PackedChunk]:
        coded = (encode_chunk(self._codec, span, self._header.num_streams) for span in spans)
        parts = (part for span in coded for part in self._parts(span))
        return [pack_chunk(part, self._header.bits_per_code, channel=self._channel) for part in parts]

    def _parts(self, span: CodedChunk) -> Iterator[CodedChunk]:
        for start in range(0, span.samples, self._chunk_samples):
            samples = min(self._chunk_samples, span.samples - start)
            tail = span.tail and start + samples == span.samples
            first = start // PAD_SAMPLES
            codes = span.codes[:, :, first : first + code_frames(samples, tail)]
            yield CodedChunk(span.index * self._at_once + start // self._chunk_samples, samples, codes, tail)


def _read(reader: EscReader, index: int, channel: int, on_damage: OnDamage | None) -> PackedChunk | None:
    try:
        return reader.read(index, channel)
    except DamagedChunk as error:
        if on_damage is None:
            raise
        on_damage(error)
        return None


def _check_model(header: EscHeader, codec: "Codec") -> None:
    if header.fingerprint != codec.fingerprint:
        raise ModelError(
            f"the file was made by the model {header.model!r} ({header.fingerprint}), and {codec.name!r} "
            f"({codec.fingerprint}) cannot decode it: give its folder by --model-path"
        )
    check_streamable(codec)
    for name in ("sample_rate", "groups", "bits_per_code", "frame_samples"):
        stated, known = getattr(header, name), getattr(codec, name)
        if stated != known:
            raise ContainerError(f"the header cannot be right: its {name} is {stated}, the model's is {known}")
