"""Reading sound files, block by block, so that hours of sound pass in constant memory.

libsndfile reads first; where it cannot, or stops before the end, ffmpeg does.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from io import FileIO
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from codec.errors import AudioFileError
from codec.sound.ffmpeg import FfmpegDecoder
from codec.sound.levels import LevelCheck
from codec.sound.libsndfile import SoundfileDecoder
from codec.sound.mixing import Layout, Mixer
from codec.sound.resampling import Resampler, resampled_length
from codec.types import Audio, ChannelAudio

BLOCK_SECONDS = 1
MORE_S = 0.05
"""A sound may be longer by this than it states: codecs fill their last frame."""
_URL = re.compile(r"^(https?):/+")
"""`Path` makes one slash of two."""


class Decoder(Protocol):
    """Decodes one sound; the numbers of frames are samples of each channel at its own rate."""

    rate: int
    channels: int
    layout: Layout | None
    length_frames: int | None
    """The length, as far as it is known before all is read."""
    declared_frames: int | None
    """The length that the header states, which the file may not keep."""
    tolerance_s: float
    """By so much a length that is stated may differ from what is read."""
    error: str
    """Why something could not be decoded; empty while all could."""

    def scale(self) -> float:
        """What the samples are to be divided by."""
        ...

    @property
    def has_end(self) -> bool:
        """Whether the mark of the sound's end is there, where its format has one."""
        ...

    def pieces(self) -> Iterator[ChannelAudio]:
        """The sound `[channel, samples]`."""
        ...

    def close(self) -> None:
        """Close what it has opened."""
        ...


def read_sound(path: Path, rate: int = 16000) -> Audio:
    """All of a sound file at `rate`, channels mixed. Raises `AudioFileError`."""
    with AudioReader(path, rate) as reader:
        return np.concatenate(list(reader.blocks()))


class AudioReader(AbstractContextManager["AudioReader"]):
    """A sound file as float32 blocks at `rate`, whatever its own rate, channel count and format.

    Channels are mixed unless `mix` is False; every sample is a number within ±1. What is damaged is left out; then
    `missing` says so when all was read, and `warnings` says what else a person should know. Raises `AudioFileError`,
    naming the file, where it cannot be opened. A path may be a URL that begins with http: or https:.
    """

    def __init__(self, file: Path | BinaryIO, rate: int = 16000, *, mix: bool = True) -> None:
        self.name, self._path = (file.name, str(file)) if isinstance(file, Path) else ("standard input",) * 2
        self.rate = rate
        self._mix = mix
        with ExitStack() as stack:
            self._raw = _opened(file, self._path, stack)
            self._path = self._raw if isinstance(self._raw, str) else self._path
            self._decoder = self._first_decoder(file)
            stack.callback(self._decoder.close)
            self._resources = stack.pop_all()
        self.file_rate = self._decoder.rate
        self.channels = self._decoder.channels
        self.missing = ""
        """What of the sound is missing, once all was read; empty where nothing is."""
        self._levels = LevelCheck()
        self._mixer = Mixer(self.channels, self._decoder.layout, self.file_rate)
        self._final_warnings: list[str] = []
        self._frames = 0
        self._at_end = False

    @property
    def total_samples(self) -> int | None:
        """Length at `rate`: None while it is not known, and what was read once all was."""
        length = self._frames if self._at_end else self._decoder.length_frames
        if not self._at_end and (not length or length < self._frames):
            return None
        return None if length is None else resampled_length(length, self.file_rate, self.rate)

    @property
    def given_channels(self) -> int:
        """How many channels the blocks have: one where channels are mixed."""
        return 1 if self._mix else self.channels

    @property
    def non_finite_samples(self) -> int:
        """How many samples were no numbers, so far."""
        return self._levels.non_finite_samples

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the sound, a line each; those that count come when all was read."""
        return (*self._mixer.warnings, *self._final_warnings)

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
        """Close the file; calling it twice does nothing."""
        self._resources.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _first_decoder(self, file: Path | BinaryIO) -> Decoder:
        refusals = []
        if isinstance(self._raw, FileIO):
            try:
                return SoundfileDecoder(self._raw, file if isinstance(file, Path) else None)
            except AudioFileError as error:
                refusals.append(str(error))
        try:
            return FfmpegDecoder(self._raw)
        except AudioFileError as error:
            refusals.append(str(error))
        raise AudioFileError(f"cannot read {self._path!r} as sound: {'; '.join(refusals)}")

    def _file_blocks(self) -> Iterator[ChannelAudio]:
        self._levels = LevelCheck(self._decoder.scale())
        for piece in _regular_blocks(self._decoder.pieces(), self.file_rate * BLOCK_SECONDS):
            self._frames += piece.shape[1]
            block = self._levels.apply(piece)
            yield self._mixer.mix(block) if self._mix else np.ascontiguousarray(block)
        self._at_end = True
        self._conclude()

    def _conclude(self) -> None:
        """Compare what was read with what the file states."""
        decoder, rate = self._decoder, self.file_rate
        read_s, stated = self._frames / rate, decoder.declared_frames
        stated_s = read_s if stated is None else stated / rate
        found = self._levels.warnings
        why = f" ({decoder.error})" if decoder.error else ""
        if stated_s - read_s > decoder.tolerance_s or decoder.error:
            of_all = f"{_seconds(stated_s - read_s)} of {stated_s:.2f} s are" if stated_s > read_s else "a part is"
            self.missing = f"{of_all} missing, as it is cut off or damaged{why}: {read_s:.2f} s could be read"
            found.append(self.missing)
        elif read_s - stated_s > MORE_S:
            found.append(f"it states a length of {stated_s:.2f} s and holds {read_s:.2f} s: all of it is read")
        elif not decoder.has_end:
            found.append(f"it may be cut off: the mark of its end is missing after {read_s:.2f} s")
        self._final_warnings = found


def _opened(file: Path | BinaryIO, path: str, stack: ExitStack) -> FileIO | str:
    """Open a file for `stack` to close; a URL is left to ffmpeg.

    Raises `AudioFileError` for what cannot be sound, and for pipes: opening one would wait for its writer.
    """
    if isinstance(file, Path) and not file.is_file():
        if file.exists():
            kind = "a folder" if file.is_dir() else "no regular file"
            raise AudioFileError(f"{path!r} is {kind}: name a sound file")
        if not _URL.match(path):
            raise AudioFileError(f"there is no file {path!r}: check the path")
        return _URL.sub(r"\1://", path)
    try:
        raw = FileIO(file, "r") if isinstance(file, Path) else FileIO(file.fileno(), "r", closefd=False)
    except OSError as error:
        raise AudioFileError(f"cannot read {path!r}: {error.strerror or error}") from error
    stack.enter_context(raw)
    if not raw.seek(0, SEEK_END):
        raise AudioFileError(f"{path!r} is empty: it holds no sound")
    raw.seek(0)
    return raw


def _regular_blocks(pieces: Iterator[ChannelAudio], size: int) -> Iterator[ChannelAudio]:
    """Join pieces to blocks of `size` samples, the last one shorter."""
    held: list[ChannelAudio] = []
    held_samples = 0
    for piece in pieces:
        held.append(piece)
        held_samples += piece.shape[1]
        while held_samples >= size:
            joined = np.concatenate(held, axis=1)
            yield joined[:, :size]
            held, held_samples = [joined[:, size:]], held_samples - size
    if held_samples:
        yield np.concatenate(held, axis=1)


def _seconds(duration_s: float) -> str:
    return f"{duration_s:.2f} s" if duration_s >= 0.01 else f"{duration_s:.2g} s"
