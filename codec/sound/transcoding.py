"""A finished WAV file written anew in another format."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from codec.errors import AudioFileError
from codec.sound.formats import SoundFormat
from codec.sound.wav import FULL_SCALE
from codec.sound.writing import SoundWriter


def transcode_wav(
    wav: Path, target: Path, file_format: SoundFormat, samples: int, on_block: Callable[[], None]
) -> None:
    """Write the sound of a 16-bit WAV file to `target`, FLAC bit for bit.

    `on_block` is called about once for each second of sound; whatever it raises ends the work, and no half file stays.
    Raises `AudioFileError` where a file cannot be read or written, exists already, or does not hold `samples` in the
    end.
    """
    try:
        with (
            soundfile.SoundFile(os.fsencode(wav)) as source,
            SoundWriter(target, source.samplerate, source.channels, file_format) as writer,
        ):
            for block in source.blocks(source.samplerate, dtype="int16", always_2d=True):
                on_block()
                writer.write(block.T / np.float32(FULL_SCALE))
        with soundfile.SoundFile(os.fsencode(target)) as made:
            written = made.frames
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(f"cannot write {str(wav)!r} as {file_format}: {error}") from error
    if written != samples:
        target.unlink()
        raise AudioFileError(f"{str(target)!r} had {written} samples of {samples}")
