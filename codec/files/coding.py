"""Sound file → `.esc` file and reconstruction, and back, block by block: hours of sound pass in bounded memory."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan
from codec.container import (
    EscHeader,
    EscPacker,
    EscReader,
    EscWriter,
    Stitching,
    thin_header,
    thinned_chunks,
)
from codec.errors import DamagedChunk
from codec.files.esc_chunks import SPAN_SAMPLES, SoundDecoder, header_for
from codec.files.in_memory import decoded_blocks, encoded_chunks
from codec.sound.formats import SoundFormat
from codec.sound.reading import AudioReader
from codec.sound.writing import SoundWriter
from codec.types import ChannelAudio

if TYPE_CHECKING:
    from codec.codec import Codec


class Watch(Protocol):
    """Is told of the sound as it passes; whatever it raises ends the work, and no half file stays."""

    def original(self, audio: ChannelAudio) -> None:
        """Sound that was read, at the model's rate."""
        ...

    def decoded(self, audio: ChannelAudio) -> None:
        """Sound that the codec gave back."""
        ...

    def stored(self, payload_bytes: int) -> None:
        """Codes that were made, in bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How sound is coded: as `codec.stored.header_for` takes it."""

    num_streams: int | None = None
    plan: ChunkPlan | None = None
    stitching: Stitching | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Which files are written; None leaves one out. Raised where one is there already and `overwrite` is False."""

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
    with _Outputs(codec, header, targets, watch, listen=listen, streaming=coding.plan is not None) as outputs:
        for chunks in _by_index(encoded_chunks(_watched(reader, watch), codec, header), header.channels):
            outputs.take(chunks)
        outputs.finish()
    return Coded(
        header=header,
        samples=outputs.samples,
        payload_bytes=outputs.payload_bytes,
        file_bytes=outputs.codes.bytes_written,
        non_finite_samples=reader.non_finite_samples,
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
        sound = _open_sound(stack, reader.header, targets)
        for audio in blocks:
            watch.decoded(audio)
            if sound:
                sound.write(audio)
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
        file_bytes=writer.bytes_written,
        warnings=reader.warnings,
    )


class _Outputs:
    """The files that a sound is coded into."""

    def __init__(
        self, codec: "Codec", header: EscHeader, targets: Targets, watch: Watch, *, listen: bool, streaming: bool
    ) -> None:
        self.samples = self.payload_bytes = 0
        self._header, self._watch = header, watch
        self._stack = ExitStack()
        with self._stack as opening:
            self._sound = _open_sound(opening, header, targets)
            self.codes: EscWriter | _CodesCounter = _CodesCounter(header)
            if targets.codes:
                self.codes = opening.enter_context(EscWriter(targets.codes, header, overwrite=targets.overwrite))
            self._stack = opening.pop_all()
        self._decoder: SoundDecoder | None = None
        if self._sound or listen:
            self._decoder = SoundDecoder(codec, header, at_once_samples=1 if streaming else SPAN_SAMPLES)

    def take(self, chunks: list[PackedChunk]) -> None:
        """Write the next chunk of all channels."""
        index, length = chunks[0].index, chunks[0].samples
        self.samples = self._header.plan.start(index) + length
        for chunk in chunks:
            self.codes.add(chunk)
            self.payload_bytes += len(chunk.payload)
            self._watch.stored(len(chunk.payload))
        if self._decoder:
            self._write(self._decoder.push(chunks, index, length))

    def finish(self) -> None:
        """Write what is left to write; leaving the `with` block gives the files their names."""
        if self._decoder:
            self._write(self._decoder.finish())
        self.codes.finish()

    def _write(self, audio: ChannelAudio) -> None:
        self._watch.decoded(audio)
        if self._sound:
            self._sound.write(audio)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class _CodesCounter:
    """Tells how long the `.esc` file would be that nobody wants."""

    def __init__(self, header: EscHeader) -> None:
        self._packer = EscPacker(header)
        self.bytes_written = len(self._packer.start())

    def add(self, chunk: PackedChunk) -> None:
        self.bytes_written += len(self._packer.add(chunk))

    def finish(self) -> None:
        self.bytes_written += len(self._packer.finish())


def _open_sound(stack: ExitStack, header: EscHeader, targets: Targets) -> SoundWriter | None:
    if targets.audio is None:
        return None
    writer = SoundWriter(
        targets.audio, header.sample_rate, header.channels, targets.audio_format, overwrite=targets.overwrite
    )
    return stack.enter_context(writer)


def _watched(reader: AudioReader, watch: Watch) -> Iterator[ChannelAudio]:
    for block in reader.channel_blocks():
        watch.original(block)
        yield block


def _by_index(chunks: Iterator[PackedChunk], channels: int) -> Iterator[list[PackedChunk]]:
    """Group chunks that come channel after channel."""
    while group := list(islice(chunks, channels)):
        yield group
