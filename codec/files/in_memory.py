"""`compress` and `decompress`: sound ↔ `.esc` in memory."""

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codec.chunks.plan import ChunkPlan
from codec.container import EscPacker, EscReader
from codec.container.layout import MAX_CHANNELS
from codec.errors import UsageError
from codec.files.esc_chunks import decoded_blocks, encoded_chunks, header_for
from codec.sound.resampling import resample
from codec.types import Audio, ChannelAudio

if TYPE_CHECKING:
    from codec.codec import Codec


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
    a whole, with a `plan` in cross-faded chunks. NaN and infinite samples become silence. Raises `UsageError` for a
    sound of another shape.
    """
    sound = _as_channels(audio)
    rate = sample_rate or codec.sample_rate
    header = header_for(codec, num_streams, plan, channels=len(sound), source_rate=rate)
    resampled = resample(sound, rate, codec.sample_rate)
    packer = EscPacker(replace(header, total_samples=resampled.shape[1]))
    records = [packer.add(chunk) for chunks in encoded_chunks([resampled], codec, header) for chunk in chunks]
    return b"".join([packer.start(), *records, packer.finish()])


def decompress(
    data: bytes | Path, codec: "Codec", *, num_streams: int | None = None, ignore_errors: bool = False
) -> Audio | ChannelAudio:
    """The sound of an `.esc` file or of its bytes: float32 `[samples]`, or `[channel, samples]` of several channels.

    With `num_streams`, the finer ones are left out. Raises `ContainerError` for what is no `.esc` file, `DamagedChunk`
    for a damaged chunk (with `ignore_errors` silence stands for it), `ModelError` where another model made it.
    """
    with EscReader(io.BytesIO(data) if isinstance(data, bytes) else data) as reader:
        on_damage = (lambda _error: None) if ignore_errors else None
        sound = np.concatenate(list(decoded_blocks(reader, codec, num_streams, on_damage)), axis=1)
    return sound if len(sound) > 1 else sound[0]


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
