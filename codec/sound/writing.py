"""Writing whole sound files in one of `SoundFormat`: they appear under their name when they are finished."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from codec.atomic_file import PartFile, write_all
from codec.errors import AudioFileError, UsageError
from codec.sound.formats import SoundFormat
from codec.sound.wav import to_pcm16, wav_header
from codec.types import ChannelAudio


class _Kind(NamedTuple):
    """How libsndfile names a format, and how many channels it holds."""

    container: str
    subtype: str
    max_channels: int


_KINDS = {
    SoundFormat.FLAC: _Kind("FLAC", "PCM_16", 8),
    SoundFormat.OGG: _Kind("OGG", "VORBIS", 255),
    SoundFormat.MP3: _Kind("MP3", "MPEG_LAYER_III", 2),
    SoundFormat.OPUS: _Kind("OGG", "OPUS", 255),
}
"""Bitrates are libsndfile's defaults, which vary with the sound: of speech at 16 kHz, Vorbis takes about 40 kbps a
channel, MP3 45, Opus 27."""
SYSTEM_ERRORS = (soundfile.LibsndfileError, OSError)


def check_writable(file_format: SoundFormat) -> None:
    """Raise `UsageError` for a format that the libsndfile at hand does not write."""
    if _is_writable(file_format):
        return
    others = ", ".join(kind for kind in SoundFormat if _is_writable(kind))
    version = soundfile.__libsndfile_version__
    raise UsageError(f"--format {file_format}: libsndfile {version} does not write it: choose one of {others}")


def _is_writable(file_format: SoundFormat) -> bool:
    kind = _KINDS.get(file_format)
    if kind is None:
        return True
    try:  # libsndfile lists formats that it was built without
        soundfile.SoundFile(io.BytesIO(), "w", 16000, 1, kind.subtype, format=kind.container).close()
    except (soundfile.LibsndfileError, ValueError):
        return False
    return True


class SoundWriter(PartFile):
    """A sound file that is written block by block: 16-bit WAV or FLAC, Ogg Vorbis, MP3 or Opus.

    Used with `with`: an error within removes what was written. Raises `AudioFileError`, naming the file, where it
    cannot be written, or exists and `overwrite` is False.
    """

    def __init__(
        self,
        path: Path,
        rate: int,
        channels: int,
        file_format: SoundFormat = SoundFormat.WAV,
        *,
        overwrite: bool = False,
    ) -> None:
        most = _KINDS[file_format].max_channels if file_format in _KINDS else channels
        if channels > most:
            raise AudioFileError(
                f"cannot write {str(path)!r}: {file_format} holds {most} channels at most, not {channels}: "
                "choose another --format"
            )
        super().__init__(path, AudioFileError, overwrite=overwrite)
        encoder = _WavEncoder if file_format is SoundFormat.WAV else _LibsndfileEncoder
        try:
            self._encoder = encoder(self.file, rate, channels, file_format)
        except SYSTEM_ERRORS as error:
            super().abort()
            raise self.cannot_write(error) from error

    def write(self, audio: ChannelAudio) -> None:
        """Append sound `[channel, samples]`; what is beyond full scale is clipped."""
        with self._aborting_on_error():
            self._encoder.write(audio)

    def finish(self) -> None:
        """Complete the file and give it its name."""
        with self._aborting_on_error():
            self._encoder.finish()
        super().finish()

    def abort(self) -> None:
        """Remove what was written."""
        if self.open:
            self._encoder.discard()
        super().abort()

    @contextmanager
    def _aborting_on_error(self) -> Iterator[None]:
        try:
            yield
        except SYSTEM_ERRORS as error:
            self.abort()
            raise self.cannot_write(error) from error


class _WavEncoder:
    """Writes WAV, which becomes RF64 beyond 4 GiB."""

    def __init__(self, file: FileIO, rate: int, channels: int, _format: SoundFormat) -> None:
        self._file, self._rate, self._channels = file, rate, channels
        self._samples = 0
        write_all(file, wav_header(rate, channels, 0))

    def write(self, audio: ChannelAudio) -> None:
        write_all(self._file, to_pcm16(audio).T.astype("<i2").tobytes())
        self._samples += audio.shape[1]

    def finish(self) -> None:
        self._file.seek(0)
        write_all(self._file, wav_header(self._rate, self._channels, self._samples))

    def discard(self) -> None:
        """Nothing is held."""


class _LibsndfileEncoder:
    """Writes what is not WAV by libsndfile, which reports no errors of its last writes."""

    def __init__(self, file: FileIO, rate: int, channels: int, file_format: SoundFormat) -> None:
        self._target = _Target(file)
        kind = _KINDS[file_format]
        self._is_lossless = kind.subtype == "PCM_16"
        with self._target.checked():
            self._file = soundfile.SoundFile(self._target, "w", rate, channels, kind.subtype, format=kind.container)

    def write(self, audio: ChannelAudio) -> None:
        frames = to_pcm16(audio).T if self._is_lossless else np.clip(audio, -1, 1).T
        with self._target.checked():
            self._file.write(np.ascontiguousarray(frames))

    def finish(self) -> None:
        with self._target.checked():
            self._file.close()

    def discard(self) -> None:
        with suppress(soundfile.LibsndfileError):
            self._file.close()


class _Target:
    """The file as libsndfile sees it: no exception passes through C code, so errors are kept."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.seek, self.tell = file.seek, file.tell

    def write(self, data: bytes) -> int:
        try:
            write_all(self._file, data)
        except OSError as error:
            self._error = self._error or error
            return 0
        return len(data)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Raise the first error of a write, whatever libsndfile makes of it."""
        try:
            yield
        finally:
            if self._error:
                raise self._error
