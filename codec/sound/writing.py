"""Writing whole sound files as WAV, FLAC or Ogg: they appear under their name when they are finished."""

from pathlib import Path

import numpy as np
import soundfile

from codec.closing import Output
from codec.errors import AudioFileError
from codec.sound.formats import SoundFormat
from codec.sound.part_file import PartFile
from codec.sound.wav import to_pcm16
from codec.types import ChannelAudio

SUBTYPES = {SoundFormat.WAV: "PCM_16", SoundFormat.FLAC: "PCM_16", SoundFormat.OGG: "VORBIS"}


class SoundWriter(Output):
    """A sound file that is written block by block: 16-bit WAV or FLAC, or Ogg Vorbis.

    Used with `with`: an error within removes what was written. Raises `AudioFileError`, naming the file, where it
    cannot be written, or is there already and `overwrite` is False.
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
        self._format = file_format
        self._part = PartFile(path, AudioFileError, overwrite=overwrite)
        try:
            self._file = soundfile.SoundFile(
                self._part.part, "w", rate, channels, SUBTYPES[file_format], format=file_format.upper()
            )
        except (soundfile.LibsndfileError, OSError) as error:
            self._part.abort()
            raise self._error(error) from error

    def write(self, audio: ChannelAudio) -> None:
        """Append sound `[channel, samples]`; what is beyond full scale is clipped."""
        frames = to_pcm16(audio).T if SUBTYPES[self._format] == "PCM_16" else np.clip(audio, -1, 1).T
        try:
            self._file.write(np.ascontiguousarray(frames))
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._error(error) from error

    def finish(self) -> None:
        """End the file and give it its name."""
        try:
            self._file.close()
        except (soundfile.LibsndfileError, OSError) as error:
            self._part.abort()
            raise self._error(error) from error
        self._part.finish()

    def abort(self) -> None:
        """Remove what was written."""
        self._file.close()
        self._part.abort()

    def _error(self, error: Exception) -> AudioFileError:
        return AudioFileError(f"cannot write {str(self._part.path)!r}: {error}")
