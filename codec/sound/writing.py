"""Writing whole sound files as WAV, FLAC or Ogg: they appear under their name when they are finished."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

import numpy as np
import soundfile

from codec.atomic_file import PartFile, write_all
from codec.errors import AudioFileError
from codec.sound.formats import SoundFormat
from codec.sound.wav import to_pcm16, wav_header
from codec.types import ChannelAudio

SUBTYPES = {SoundFormat.FLAC: "PCM_16", SoundFormat.OGG: "VORBIS"}
SYSTEM_ERRORS = (soundfile.LibsndfileError, OSError)


class SoundWriter(PartFile):
    """A sound file that is written block by block: 16-bit WAV or FLAC, or Ogg Vorbis.

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
    """Writes FLAC and Ogg by libsndfile, which reports no errors of its last writes."""

    def __init__(self, file: FileIO, rate: int, channels: int, file_format: SoundFormat) -> None:
        self._target = _Target(file)
        self._subtype = SUBTYPES[file_format]
        with self._target.checked():
            self._file = soundfile.SoundFile(
                self._target, "w", rate, channels, self._subtype, format=file_format.upper()
            )

    def write(self, audio: ChannelAudio) -> None:
        frames = to_pcm16(audio).T if self._subtype == "PCM_16" else np.clip(audio, -1, 1).T
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
