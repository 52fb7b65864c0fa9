"""Reading and writing sound files, block by block, so that hours of sound pass in constant memory."""

import wave
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt
import soundfile

from codec.chunks import Audio
from codec.errors import AudioFileError
from codec.resampling import Resampler, resampled_length

Pcm16 = npt.NDArray[np.int16]
ChannelAudio = npt.NDArray[np.float32]
"""Sound of one or more channels, float32 `[channel, samples]`, full scale at ±1."""

BLOCK_SECONDS = 1


def to_pcm16(audio: Audio) -> Pcm16:
    """Round float sound at ±1 full scale to 16-bit samples, clipping what is beyond."""
    pcm: Pcm16 = np.clip(np.rint(audio * np.float32(32767)), -32768, 32767).astype(np.int16)
    return pcm


class AudioReader:
    """A sound file as float32 blocks at `rate`, whatever its own rate, channel count and format.

    Channels are averaged unless `mix` is False, samples that are no numbers become silence. Raises `AudioFileError`,
    naming the file, where it cannot be opened or read on.
    """

    def __init__(self, file: Path | BinaryIO, rate: int = 16000, name: str | None = None, *, mix: bool = True) -> None:
        self.name = name or (file.name if isinstance(file, Path) else "standard input")
        self._shown = str(file) if isinstance(file, Path) else self.name
        self.rate = rate
        if isinstance(file, Path) and not file.is_file():
            raise AudioFileError(f"there is no file {self._shown!r}: check the path")
        try:
            self._file = soundfile.SoundFile(file)
        except (soundfile.LibsndfileError, TypeError, OSError) as error:
            raise AudioFileError(f"cannot read {self._shown!r} as sound: {error}") from error
        self.file_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self._mix = mix
        self.non_finite_samples = 0

    @property
    def total_samples(self) -> int:
        """Length at `rate`, as the file's header tells it."""
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
        resamplers = [Resampler(self.file_rate, self.rate) for _ in range(self.given_channels)]
        for block in self._file_blocks():
            resampled = np.stack(
                [resampler.push(channel) for resampler, channel in zip(resamplers, block, strict=True)]
            )
            if resampled.shape[1]:
                yield resampled
        yield np.stack([resampler.finish() for resampler in resamplers])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _file_blocks(self) -> Iterator[ChannelAudio]:
        frames = self.file_rate * BLOCK_SECONDS
        while True:
            try:
                block = self._file.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise AudioFileError(f"{self._shown!r} is broken: {error}") from error
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


class WavWriter:
    """A 16-bit PCM WAV file, mono unless told otherwise, that is valid after every write.

    The header tells the true length whenever `write` returns, so a killed process leaves a readable file.
    Raises `AudioFileError`, naming the file, where it cannot be written.
    """

    def __init__(self, path: Path, rate: int = 16000, channels: int = 1) -> None:
        self.path = path
        self.samples = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w+b")
        except OSError as error:
            raise self._error(error) from error
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115 - open as long as the writer
        self._wave.setnchannels(channels)
        self._wave.setsampwidth(2)
        self._wave.setframerate(rate)
        self._channels = channels
        self.write(np.zeros(0, np.float32))

    def write(self, audio: Audio) -> None:
        """Append float sound `[samples]` or `[samples, channels]` and bring the header up to date."""
        try:
            self._wave.writeframes(to_pcm16(audio).tobytes())
            self._file.flush()
        except (OSError, ValueError) as error:
            raise self._error(error) from error
        self.samples += len(audio)

    def close(self) -> None:
        """Close the file; calling it twice does nothing."""
        try:
            self._wave.close()
            self._file.close()
        except (OSError, ValueError) as error:
            raise self._error(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _error(self, error: Exception) -> AudioFileError:
        return AudioFileError(f"cannot write {str(self.path)!r}: {error}")
