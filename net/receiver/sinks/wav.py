"""Sinks for files of sound: the whole stream as one WAV, and each chunk's contribution as a WAV of its own."""

from abc import abstractmethod
from pathlib import Path

import numpy as np

from codec.chunks.streaming import Contribution
from codec.sound.wav import WavWriter
from codec.types import Audio
from net.protocol.messages import End
from net.receiver.sinks.retrying import Sink

SILENT_SAMPLE = np.zeros(1, np.float32)


class _SoundSink(Sink[Contribution]):
    """A sink in which silence stands for what was given up."""

    def write(self, part: Contribution) -> None:
        self._append(part.index, part.audio)

    def write_gap(self, index: int, samples: int) -> None:
        self._append(index, np.broadcast_to(SILENT_SAMPLE, samples))

    @abstractmethod
    def _append(self, index: int, audio: Audio) -> None: ...


class WavSink(_SoundSink):
    """The whole stream as one 16-bit WAV, valid after every write; with `keep_samples` it continues an existing one."""

    def __init__(self, path: Path, sample_rate: int, *, keep_samples: int = 0) -> None:
        super().__init__(path)
        self._writer = WavWriter(path, sample_rate, keep_samples=keep_samples)

    @property
    def samples(self) -> int:
        """Samples in the file."""
        return self._writer.samples

    def close(self, _end: End | None = None) -> None:
        """Close the file."""
        self._writer.close()

    def _append(self, _index: int, audio: Audio) -> None:
        self._writer.write(audio)


class ChunkFilesSink(_SoundSink):
    """A folder with one WAV a chunk, `chunk_000000.wav` and so on: joined, they are the whole stream."""

    def __init__(self, folder: Path, sample_rate: int) -> None:
        super().__init__(folder)
        self._rate = sample_rate
        self._index = -1
        self._writer: WavWriter | None = None

    def close(self, _end: End | None = None) -> None:
        """Close the newest file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _append(self, index: int, audio: Audio) -> None:
        """Write a chunk's file, or append to it: the last chunk's end comes apart."""
        if self._writer is None or index != self._index:
            self.close()
            self._writer = WavWriter(self.path / f"chunk_{index:06d}.wav", self._rate)
            self._index = index
        self._writer.write(audio)
