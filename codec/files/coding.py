"""Sound file → `.esc` file and reconstruction, and back, block by block: hours of sound in bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from codec.chunks.plan import ChunkPlan
from codec.container import EscHeader, EscPacker, EscReader, EscWriter, Stitching, thin_header, thinned_chunks
from codec.errors import DamagedChunk
from codec.files.esc_chunks import SPAN_SAMPLES, SoundDecoder, decoded_blocks, encoded_chunks, header_for
from codec.sound.enhancement import enhanced_blocks
from codec.sound.formats import SoundFormat
from codec.sound.reading import AudioReader
from codec.sound.writing import SoundWriter
from codec.types import ChannelAudio

if TYPE_CHECKING:
    from codec.codec import Codec


class Watch(Protocol):
    """Is called with the sound as it passes; whatever it raises ends the work, and no half file stays."""

    def original(self, audio: ChannelAudio) -> None:
        """Sound that is coded, at the model's rate."""
        ...

    def decoded(self, audio: ChannelAudio) -> None:
        """Sound that the codec gave back."""
        ...

    def stored(self, payload_bytes: int) -> None:
        """Codes that were made, in bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How sound is coded: the arguments of `header_for`, and whether it is enhanced first, as the watch hears it."""

    num_streams: int | None = None
    plan: ChunkPlan | None = None
    stitching: Stitching | None = None
    enhance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Which files are written; None leaves one out. One that exists is an error unless `overwrite`."""

    codes: Path | None = None
    audio: Path | None = None
    audio_format: SoundFormat = SoundFormat.WAV
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """What was coded: the length at the model's rate, the codes' bytes without and with what stands around them."""

    header: EscHeader
    samples: int
    payload_bytes: int
    file_bytes: int
    non_finite_samples: int = 0
    damaged: tuple[DamagedChunk, ...] = ()
    missing: str = ""
    """What of the sound that was read is missing; it is among the warnings, too."""
    warnings: tuple[str, ...] = ()


def compress_file(
    reader: AudioReader, codec: "Codec", coding: Coding, targets: Targets, watch: Watch, *, listen: bool = False
) -> Coded:
    """Code an open sound file into `targets`; decode only for `targets.audio`, or for the watch if `listen`.

    Raises `EscError`; then, as on any other error, no half file stays.
    """
    header = header_for(
        codec,
        coding.num_streams,
        coding.plan,
        coding.stitching,
        channels=reader.given_channels,
        source_rate=reader.file_rate,
    )
    samples = payload_bytes = 0
    with ExitStack() as stack:
        hear = _open_sound(stack, header, targets, watch)
        codes = _open_codes(stack, header, targets)
        decoder = None
        if targets.audio or listen:
            decoder = SoundDecoder(codec, header, at_once_samples=SPAN_SAMPLES if coding.plan is None else 1)
        for chunks in encoded_chunks(_watched(reader, coding, watch), codec, header):
            for chunk in chunks:
                codes.add(chunk)
                payload_bytes += len(chunk.payload)
                watch.stored(len(chunk.payload))
            index, length = chunks[0].index, chunks[0].samples
            samples = header.plan.start(index) + length
            if decoder:
                hear(decoder.push(chunks, index, length))
        if decoder:
            hear(decoder.finish())
        codes.finish(complete=not reader.missing)
    return Coded(
        header=header,
        samples=samples,
        payload_bytes=payload_bytes,
        file_bytes=codes.file_bytes,
        non_finite_samples=reader.non_finite_samples,
        missing=reader.missing,
        warnings=reader.warnings,
    )


def decompress_file(
    reader: EscReader,
    codec: "Codec",
    targets: Targets,
    watch: Watch,
    *,
    num_streams: int | None = None,
    ignore_errors: bool = False,
) -> Coded:
    """Decode an open `.esc` file into `targets.audio`, with at most `num_streams`.

    A damaged chunk raises `DamagedChunk`, or becomes silence if `ignore_errors`.
    """
    damaged: list[DamagedChunk] = []
    blocks = decoded_blocks(reader, codec, num_streams, damaged.append if ignore_errors else None)
    with ExitStack() as stack:
        hear = _open_sound(stack, reader.header, targets, watch)
        for audio in blocks:
            hear(audio)
    return Coded(
        header=reader.header,
        samples=reader.total_samples,
        payload_bytes=reader.payload_bytes,
        file_bytes=reader.file_bytes,
        damaged=tuple(damaged),
        warnings=reader.warnings,
    )


def thin_file(reader: EscReader, path: Path, num_streams: int, *, overwrite: bool = False) -> Coded:
    """Write an open `.esc` file anew at `path` with at most `num_streams`, without decoding it.

    Raises `UsageError` where it has fewer, `DamagedChunk` where a chunk is damaged.
    """
    header = thin_header(reader.header, num_streams)
    payload_bytes = 0
    with EscWriter(path, header, overwrite=overwrite) as writer:
        for chunk in thinned_chunks(reader, num_streams):
            writer.add(chunk)
            payload_bytes += len(chunk.payload)
        writer.finish(reader.total_samples, complete=reader.complete)
    return Coded(
        header=header,
        samples=reader.total_samples,
        payload_bytes=payload_bytes,
        file_bytes=writer.file_bytes,
        warnings=reader.warnings,
    )


def _open_codes(stack: ExitStack, header: EscHeader, targets: Targets) -> EscWriter | EscPacker:
    """Open the file of the codes, or, where none is wanted, count how long it would be."""
    if targets.codes is None:
        return EscPacker(header)
    return stack.enter_context(EscWriter(targets.codes, header, overwrite=targets.overwrite))


def _open_sound(stack: ExitStack, header: EscHeader, targets: Targets, watch: Watch) -> Callable[[ChannelAudio], None]:
    """Open the file of the decoded sound, if one is wanted; return what hands sound to it and to the watch."""
    writer: SoundWriter | None = None
    if targets.audio:
        rate, channels = header.sample_rate, header.channels
        writer = stack.enter_context(
            SoundWriter(targets.audio, rate, channels, targets.audio_format, overwrite=targets.overwrite)
        )

    def hear(audio: ChannelAudio) -> None:
        watch.decoded(audio)
        if writer:
            writer.write(audio)

    return hear


def _watched(reader: AudioReader, coding: Coding, watch: Watch) -> Iterator[ChannelAudio]:
    blocks = reader.channel_blocks()
    if coding.enhance:
        blocks = enhanced_blocks(blocks, reader.given_channels, reader.rate)
    for block in blocks:
        watch.original(block)
        yield block
