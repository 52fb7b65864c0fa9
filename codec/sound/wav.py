"""A WAV file that is valid at every moment and survives what happens to disks."""

import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codec.closing import Closing
from codec.errors import AudioFileError
from codec.types import Audio

Pcm16 = npt.NDArray[np.int16]

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
MAX_DATA_BYTES = 2**32 - 1 - HEADER.size
"""A WAV file's sizes have 32 bits: 37 hours at 16 kHz."""
COPY_BYTES = 1 << 20


def to_pcm16(audio: Audio) -> Pcm16:
    """Round float sound at ±1 full scale to 16-bit samples, clipping what is beyond."""
    pcm: Pcm16 = np.clip(np.rint(audio * np.float32(32767)), -32768, 32767).astype(np.int16)
    return pcm


class WavWriter(Closing):
    """A 16-bit PCM WAV file, mono unless told otherwise.

    Data goes before the header that counts it, so a process that is killed leaves a file that tells no more than it
    holds. A write that fails changes nothing that counts: the same write can be tried again. A file that was deleted
    meanwhile is written anew, whole. Raises `AudioFileError`, naming the file, where it cannot be written.
    """

    def __init__(self, path: Path, rate: int = 16000, channels: int = 1, *, keep_samples: int = 0) -> None:
        """Create the file, or with `keep_samples` go on after so many samples of the one that is there."""
        self.path = path
        self.samples = keep_samples
        self._rate, self._channels = rate, channels
        self._closed = False
        try:
            self._file = self._create() if not keep_samples else os.open(path, os.O_RDWR)
        except OSError as error:
            raise self._error(error) from error
        try:
            os.ftruncate(self._file, self._end)
            self._write_header()
        except OSError as error:
            self.close()
            raise self._error(error) from error

    def write(self, audio: Audio) -> None:
        """Append float sound `[samples]` or `[samples, channels]`, then bring the header up to date."""
        data = to_pcm16(audio).astype("<i2").tobytes()
        if self._end + len(data) > MAX_DATA_BYTES:
            raise AudioFileError(f"{str(self.path)!r} is full: a WAV file holds no more than 4 GiB")
        try:
            if os.fstat(self._file).st_nlink == 0:
                self._write_anew()
            self._write_at(data, self._end)
            self.samples += len(audio)
            self._write_header()
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close the file; calling it twice does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            os.close(self._file)
        except OSError as error:
            raise self._error(error) from error

    @property
    def _end(self) -> int:
        return HEADER.size + self.samples * 2 * self._channels

    def _create(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)

    def _write_anew(self) -> None:
        """Copy what was written, which lives on while it is open, to a new file under the old name."""
        fresh = self._create()
        try:
            for offset in range(0, self._end, COPY_BYTES):
                size = min(COPY_BYTES, self._end - offset)
                _pwrite_all(fresh, os.pread(self._file, size, offset), offset)
        except OSError:
            os.close(fresh)
            raise
        os.close(self._file)
        self._file = fresh

    def _write_header(self) -> None:
        frame_bytes = 2 * self._channels
        data_bytes = self.samples * frame_bytes
        header = HEADER.pack(
            *(b"RIFF", data_bytes + HEADER.size - 8, b"WAVE", b"fmt ", 16),
            *(1, self._channels, self._rate, self._rate * frame_bytes, frame_bytes, 16),
            *(b"data", data_bytes),
        )
        self._write_at(header, 0)

    def _write_at(self, data: bytes, offset: int) -> None:
        _pwrite_all(self._file, data, offset)

    def _error(self, error: OSError) -> AudioFileError:
        return AudioFileError(f"cannot write {str(self.path)!r}: {error.strerror or error}")


def _pwrite_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
