"""16-bit WAV files: RIFF up to 4 GiB, RF64 beyond (EBU Tech 3306), and a writer whose file is valid at every moment."""

import os
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codec.atomic_file import copy_bytes, make_folder, write_all
from codec.errors import AudioFileError
from codec.types import Audio

Pcm16 = npt.NDArray[np.int16]

_RIFF = struct.Struct("<4sI4s")
_DS64 = struct.Struct("<4sIQQQI")
_FORMAT_AND_DATA = struct.Struct("<4sIHHIIHH4sI")

HEADER_BYTES = _RIFF.size + _DS64.size + _FORMAT_AND_DATA.size
OLD_HEADER_BYTES = _RIFF.size + _FORMAT_AND_DATA.size
"""Files that older versions began have no place for the sizes of RF64: they cannot grow beyond `MAX_RIFF_BYTES`."""
MAX_RIFF_BYTES = 2**32 - 1
"""What the 32 bits of a RIFF file's sizes count: 37 hours of mono at 16 kHz."""
SIZE_IN_DS64 = 2**32 - 1
FULL_SCALE = 32767
"""The 16-bit sample of 1.0."""


def to_pcm16(audio: Audio) -> Pcm16:
    """Round float sound at ±1 full scale to 16-bit samples, clipping what is beyond."""
    pcm: Pcm16 = np.clip(np.rint(audio * np.float32(FULL_SCALE)), -32768, 32767).astype(np.int16)
    return pcm


def wav_header(rate: int, channels: int, samples: int, header_bytes: int = HEADER_BYTES) -> bytes:
    """The header, `header_bytes` long, of a WAV file of so many samples a channel.

    Up to 4 GiB the file is plain RIFF, with a chunk `JUNK` where RF64 has its sizes: readers skip it.
    """
    frame_bytes = 2 * channels
    data_bytes = samples * frame_bytes
    riff_bytes = data_bytes + header_bytes - 8
    fits = riff_bytes <= MAX_RIFF_BYTES
    start = _RIFF.pack(b"RIFF" if fits else b"RF64", riff_bytes if fits else SIZE_IN_DS64, b"WAVE")
    sizes = (0, 0, 0) if fits else (riff_bytes, data_bytes, samples)
    ds64 = _DS64.pack(b"JUNK" if fits else b"ds64", _DS64.size - 8, *sizes, 0)
    pcm_format = (1, channels, rate, rate * frame_bytes, frame_bytes, 16)
    rest = _FORMAT_AND_DATA.pack(b"fmt ", 16, *pcm_format, b"data", data_bytes if fits else SIZE_IN_DS64)
    return start + (ds64 if header_bytes == HEADER_BYTES else b"") + rest


def held_samples(path: Path) -> int:
    """How many samples lie in a mono file of `WavWriter`, whatever its header counts. Raises `OSError`."""
    with path.open("rb", buffering=0) as file:
        return (os.fstat(file.fileno()).st_size - _header_bytes(file)) // 2


class WavWriter(AbstractContextManager["WavWriter"]):
    """A 16-bit PCM WAV file, mono by default.

    Data is written before the header that counts it, so a killed process leaves a file that counts no more than it
    holds. A failed write changes nothing that counts: the same write can be tried again. A file that was deleted
    meanwhile is written anew, whole. Raises `AudioFileError`, naming the file, where it cannot be written.
    """

    def __init__(self, path: Path, rate: int = 16000, channels: int = 1, *, keep_samples: int = 0) -> None:
        """Create the file, or with `keep_samples` continue the existing one after so many samples."""
        self.path = path
        self.samples = keep_samples
        self._rate, self._channels, self._header_bytes = rate, channels, HEADER_BYTES
        with self._naming_the_file():
            if keep_samples:
                self._file = path.open("r+b", buffering=0)
            else:
                self._file = self._create()
            with _closing_on_error(self._file):
                if keep_samples:
                    self._header_bytes = _header_bytes(self._file)
                self._file.truncate(self._end)
                self._write(self._header(self.samples), 0)

    def write(self, audio: Audio) -> None:
        """Append float sound `[samples]` or `[samples, channels]`, then bring the header up to date."""
        data = to_pcm16(audio).astype("<i2").tobytes()
        if self._header_bytes == OLD_HEADER_BYTES and self._end + len(data) > MAX_RIFF_BYTES:
            raise AudioFileError(
                f"{str(self.path)!r} is full: an older version began it, whose files hold no more than 4 GiB"
            )
        with self._naming_the_file():
            if os.fstat(self._file.fileno()).st_nlink == 0:
                self._copy_under_the_name()
            self._write(data, self._end)
            samples = self.samples + len(audio)
            self._write(self._header(samples), 0)
        self.samples = samples

    def close(self) -> None:
        """Close the file; calling it twice does nothing."""
        with self._naming_the_file():
            self._file.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def _end(self) -> int:
        return self._header_bytes + self.samples * 2 * self._channels

    def _header(self, samples: int) -> bytes:
        return wav_header(self._rate, self._channels, samples, self._header_bytes)

    def _create(self) -> FileIO:
        make_folder(self.path.parent)
        return self.path.open("w+b", buffering=0)

    def _copy_under_the_name(self) -> None:
        """Copy the deleted file, which lives on while it is open, to a new one under its name."""
        fresh = self._create()
        with _closing_on_error(fresh):
            write_all(fresh, self._header(0))
            self._file.seek(self._header_bytes)
            copy_bytes(self._file, fresh, self._end - self._header_bytes)
        self._file, deleted = fresh, self._file
        deleted.close()

    def _write(self, data: bytes, offset: int) -> None:
        self._file.seek(offset)
        write_all(self._file, data)

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AudioFileError(f"cannot write {str(self.path)!r}: {error.strerror or error}") from error


def _header_bytes(file: FileIO) -> int:
    """How long the header is: older versions put the format first."""
    file.seek(0)
    return OLD_HEADER_BYTES if file.read(16).endswith(b"fmt ") else HEADER_BYTES


@contextmanager
def _closing_on_error(file: FileIO) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.close()
        raise
