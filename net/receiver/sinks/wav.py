"""Sinks for files: the whole stream as one WAV, and each chunk's contribution as a WAV of its own."""

from pathlib import Path
from typing import Protocol

from codec.chunks.streaming import Contribution
from codec.sound.wav import WavWriter


class Sink(Protocol):
    """Takes the stitched sound, contribution by contribution, in order."""

    @property
    def path(self) -> Path:
        """Where the sound goes."""
        ...

    def write(self, contribution: Contribution) -> None:
        """Take the next stretch of sound."""
        ...

    def close(self) -> None:
        """Finish what was written; calling it twice does nothing."""
        ...


class WavSink:
    """The whole stream as one 16-bit WAV, valid after every write; with `keep_samples` going on with one."""

    def __init__(self, path: Path, sample_rate: int, *, keep_samples: int = 0) -> None:
        self.path = path
        self._writer = WavWriter(path, sample_rate, keep_samples=keep_samples)

    def write(self, contribution: Contribution) -> None:
        """Append the contribution."""
        self._writer.write(contribution.audio)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class ChunkFilesSink:
    """A folder with one WAV a chunk, `chunk_000000.wav` and so on: joined, they are the whole stream."""

    def __init__(self, folder: Path, sample_rate: int) -> None:
        self.path = folder
        self._rate = sample_rate
        self._index = -1
        self._writer: WavWriter | None = None

    def write(self, contribution: Contribution) -> None:
        """Begin a chunk's file, or go on with it: the last chunk's end comes apart."""
        if self._writer is None or contribution.index != self._index:
            self.close()
            self._writer = WavWriter(self.path / f"chunk_{contribution.index:06d}.wav", self._rate)
            self._index = contribution.index
        self._writer.write(contribution.audio)

    def close(self) -> None:
        """Close the newest file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
