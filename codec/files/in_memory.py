"""`compress` and `decompress`: sound ↔ `.esc`, in memory or file by file, hours of it in bounded memory."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan
from codec.container import EscHeader, EscPacker, EscReader
from codec.container.layout import MAX_CHANNELS
from codec.errors import DamagedChunk, UsageError
from codec.files.esc_chunks import SoundDecoder, SoundEncoder, header_for
from codec.sound.resampling import resample
from codec.types import Audio, ChannelAudio

if TYPE_CHECKING:
    from codec.codec import Codec

Damage = Callable[[DamagedChunk], None]
"""Is told of each damaged chunk that silence stands for."""


def compress(
    audio: Any,
    codec: "Codec",
    *,
    sample_rate: int | None = None,
    num_streams: int | None = None,
    plan: ChunkPlan | None = None,
) -> bytes:
    """The `.esc` file of a sound `[samples]` or `[channel, samples]`, float, numpy or torch.

    `sample_rate` is the sound's, by default the model's; `num_streams` is by default the most. The sound is coded as
    a whole, with a `plan` in cross-faded chunks. Samples that are no numbers become silence. Raises `UsageError` for
    a sound of another shape.
    """
    sound = _as_channels(audio)
    rate = sample_rate or codec.sample_rate
    header = header_for(codec, num_streams, plan, channels=len(sound), source_rate=rate)
    sound = resample(sound, rate, codec.sample_rate)
    chunks = list(encoded_chunks(iter([sound]), codec, header))
    packer = EscPacker(replace(header, total_samples=sound.shape[1]))
    return packer.start() + b"".join(packer.add(chunk) for chunk in chunks) + packer.finish()


def decompress(
    data: bytes | Path, codec: "Codec", *, num_streams: int | None = None, ignore_errors: bool = False
) -> Audio | ChannelAudio:
    """The sound of an `.esc` file or of its bytes: float32 `[samples]`, or `[channel, samples]` of several channels.

    With `num_streams`, the finer ones are left out. Raises `ContainerError` for what is no `.esc` file, `DamagedChunk`
    for a damaged chunk (with `ignore_errors` silence stands for it), `ModelError` where another model made it.
    """
    with EscReader(io.BytesIO(data) if isinstance(data, bytes) else data) as reader:
        on_damage = (lambda _error: None) if ignore_errors else None
        blocks = list(decoded_blocks(reader, codec, num_streams, on_damage))
    sound = np.concatenate(blocks, axis=1)
    return sound if len(sound) > 1 else sound[0]


def decoded_blocks(
    reader: EscReader, codec: "Codec", num_streams: int | None = None, on_damage: Damage | None = None
) -> Iterator[ChannelAudio]:
    """The sound of an open file, `[channel, samples]`, chunk after chunk and its end.

    Without `on_damage` a damaged chunk raises `DamagedChunk`; with it, silence stands for the chunk.
    """
    header = reader.header
    decoder = SoundDecoder(codec, header, num_streams)
    for index in range(reader.chunk_count):
        chunks = [_read(reader, index, channel, on_damage) for channel in range(header.channels)]
        yield decoder.push(chunks, index, header.samples_of(index, reader.total_samples))
    yield decoder.finish()


def encoded_chunks(blocks: Iterator[ChannelAudio], codec: "Codec", header: EscHeader) -> Iterator[PackedChunk]:
    """The chunks of the sound that `blocks` bring, in file order."""
    encoder = SoundEncoder(codec, header)
    for block in blocks:
        yield from encoder.push(block)
    yield from encoder.finish()


def _read(reader: EscReader, index: int, channel: int, on_damage: Damage | None) -> PackedChunk | None:
    try:
        return reader.read(index, channel)
    except DamagedChunk as error:
        if on_damage is None:
            raise
        on_damage(error)
        return None


def _as_channels(audio: Any) -> ChannelAudio:
    sound = np.asarray(audio.detach().cpu() if hasattr(audio, "detach") else audio)
    right_shape = sound.ndim in (1, 2) and np.atleast_2d(sound).shape[0] <= MAX_CHANNELS
    if not right_shape or not np.issubdtype(sound.dtype, np.floating):
        raise UsageError(
            f"sound must be floats [samples] or [channel, samples], {MAX_CHANNELS} channels at most, "
            f"not {sound.dtype} {list(sound.shape)}"
        )
    channels = np.atleast_2d(sound).astype(np.float32)
    return np.where(np.isfinite(channels), channels, np.float32(0))
