"""Sinks for files of sound: the whole stream as one WAV, and each chunk's contribution as a WAV of its own."""

from pathlib import Path

import numpy as np

from codec.chunks.streaming import Contribution
from codec.sound.wav import WavWriter
from codec.types import Audio
from net.protocol.messages import End

SILENT_SAMPLE = np.zeros(1, np.float32)


class WavSink:
    """The whole stream as one 16-bit WAV, valid after every write; with `keep_samples` it continues an existing one."""

    def __init__(self, path: Path, sample_rate: int, *, keep_samples: int = 0) -> None:
        self.path = path
        self._writer = WavWriter(path, sample_rate, keep_samples=keep_samples)

    @property
    def samples(self) -> int:
        """Samples in the file."""
        return self._writer.samples

    def write(self, contribution: Contribution) -> None:
        """Append the contribution."""
        self._writer.write(contribution.audio)

    def write_gap(self, _index: int, samples: int) -> None:
        """Append silence for a contribution that was given up."""
        self._writer.write(np.broadcast_to(SILENT_SAMPLE, samples))

    def close(self, _end: End | None = None) -> None:
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
        """Write a chunk's file, or append to it: the last chunk's end comes apart."""
        self._write(contribution.index, contribution.audio)

    def write_gap(self, index: int, samples: int) -> None:
        """Write silence for a contribution that was given up."""
        self._write(index, np.broadcast_to(SILENT_SAMPLE, samples))

    def close(self, _end: End | None = None) -> None:
        """Close the newest file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _write(self, index: int, audio: Audio) -> None:
        if self._writer is None or index != self._index:
            self.close()
            self._writer = WavWriter(self.path / f"chunk_{index:06d}.wav", self._rate)
            self._index = index
        self._writer.write(audio)
