"""Reading sound files, block by block, so that hours of sound pass in constant memory."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from codec.errors import AudioFileError
from codec.sound.resampling import Resampler, resampled_length
from codec.types import Audio, ChannelAudio

BLOCK_SECONDS = 1


def read_sound(path: Path, rate: int = 16000) -> Audio:
    """All of a sound file at `rate`, channels averaged. Raises `AudioFileError`."""
    with AudioReader(path, rate) as reader:
        return np.concatenate(list(reader.blocks()))


class AudioReader(AbstractContextManager["AudioReader"]):
    """A sound file as float32 blocks at `rate`, whatever its own rate, channel count and format.

    Channels are averaged unless `mix` is False, NaN and infinite samples become silence. Raises `AudioFileError`,
    naming the file, where it cannot be opened or read on.
    """

    def __init__(self, file: Path | BinaryIO, rate: int = 16000, *, mix: bool = True) -> None:
        self.name, self._path = (file.name, str(file)) if isinstance(file, Path) else ("standard input",) * 2
        self.rate = rate
        self._check(file)
        try:
            self._file = soundfile.SoundFile(os.fsencode(file) if isinstance(file, Path) else file)
        except (soundfile.LibsndfileError, TypeError, OSError) as error:
            raise AudioFileError(f"cannot read {self._path!r} as sound: {_reason(error)}") from error
        self.file_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self._mix = mix
        self.non_finite_samples = 0

    @property
    def total_samples(self) -> int:
        """Length at `rate`, by the file's header."""
        return resampled_length(self._file.frames, self.file_rate, self.rate)

    @property
    def given_channels(self) -> int:
        """How many channels the blocks have: one where channels are mixed."""
        return 1 if self._mix else self.channels

    def blocks(self) -> Iterator[Audio]:
        """All sound of the first given channel from here to the end, in blocks of about a second."""
        return (block[0] for block in self.channel_blocks())

    def channel_blocks(self) -> Iterator[ChannelAudio]:
        """All sound from here to the end, `[channel, samples]`, in blocks of about a second."""
        resampler = Resampler(self.file_rate, self.rate, self.given_channels)
        for block in self._file_blocks():
            resampled = resampler.push(block)
            if resampled.shape[1]:
                yield resampled
        yield resampler.finish()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _check(self, file: Path | BinaryIO) -> None:
        """Refuse what cannot be sound, and pipes: opening one would wait for its writer."""
        if isinstance(file, Path):
            if not file.exists():
                raise AudioFileError(f"there is no file {self._path!r}: check the path")
            if not file.is_file():
                raise AudioFileError(
                    f"{self._path!r} is {'a folder' if file.is_dir() else 'no regular file'}: name a sound file"
                )
            size = file.stat().st_size
        else:
            size = file.seek(0, SEEK_END)
            file.seek(0)
        if not size:
            raise AudioFileError(f"{self._path!r} is empty: it holds no sound")

    def _file_blocks(self) -> Iterator[ChannelAudio]:
        frames = self.file_rate * BLOCK_SECONDS
        while True:
            try:
                block = self._file.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise AudioFileError(f"{self._path!r} is broken: {_reason(error)}") from error
            if not len(block):
                return
            mixed = block.mean(axis=1, dtype=np.float32)[None] if self._mix else np.ascontiguousarray(block.T)
            yield self._finite(mixed)

    def _finite(self, audio: ChannelAudio) -> ChannelAudio:
        bad = ~np.isfinite(audio)
        if bad.any():
            self.non_finite_samples += int(bad.sum())
            audio = np.where(bad, np.float32(0), audio)
        return audio


def _reason(error: Exception) -> str:
    """What libsndfile says, without the file's name, which it repeats."""
    said = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    return str(said).removeprefix("Error : ").strip().rstrip(".")
