"""Decoding by ffmpeg's libraries (PyAV): what libsndfile does not know, or cannot read to its end.

Nothing is imported before it is needed. What ffmpeg would log is discarded by PyAV, whose default that is.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from io import FileIO
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from codec.errors import AudioFileError
from codec.sound.mixing import Layout
from codec.types import ChannelAudio

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.container import InputContainer

COUNTING_FORMATS = ("mov,mp4", "matroska", "flac", "wav", "w64", "aiff", "caf", "avi", "asf")
"""Formats whose header has the length; of others ffmpeg estimates it, by the bitrate or the last time stamp."""
REMOTE_PROTOCOLS = "http,https,tcp,tls"
REMOTE_TIMEOUTS_S = (10.0, 30.0)
"""To open, and to read."""


class FfmpegDecoder:
    """A `Decoder` of an open file, or of a URL that begins with http: or https:. Damaged parts are left out.

    `rate` converts the sound, `channels` its number of channels. Raises `AudioFileError` with the reason where there
    is no sound that can be decoded.
    """

    has_end = True
    tolerance_s = 0.05
    """Codecs fill their last frame, and containers round times."""

    def __init__(self, source: FileIO | str, rate: int | None = None, channels: int | None = None) -> None:
        self._av = _library()
        self.error = ""
        try:
            self._container = _open(source)
        except (self._av.FFmpegError, OSError, ValueError) as error:
            raise AudioFileError(_reason(error)) from error
        self._numbered_frames: int | None = None
        """Where the last frame ends, in a format that numbers its frames exactly."""
        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            self.close()
            raise AudioFileError(self.error or "it holds no sound")
        self._first = first
        self.rate = rate or first.sample_rate
        self._target = first.layout if channels in (None, len(first.layout.channels)) else channels
        self.channels = channels or len(first.layout.channels)
        self.layout = self._layout(first)
        self.length_frames = self.declared_frames = self._declared_frames()

    def scale(self) -> float:
        """What its samples are to be divided by."""
        return 1.0

    def pieces(self) -> Iterator[ChannelAudio]:
        """The sound `[channel, samples]` up to its end."""
        form, resampler = _form(self._first), self._resampler()
        yield from _converted(resampler, self._first)
        for frame in self._frames:
            if _form(frame) != form:
                yield from _converted(resampler, None)
                form, resampler = _form(frame), self._resampler()
            yield from _converted(resampler, frame)
        yield from _converted(resampler, None)
        self.declared_frames = self.declared_frames or self._numbered_frames

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def _resampler(self) -> "AudioResampler":
        resampler: AudioResampler = self._av.AudioResampler(format="fltp", layout=self._target, rate=self.rate)
        return resampler

    def _decoded(self) -> Iterator["AudioFrame"]:
        """All frames that can be decoded."""
        streams = self._container.streams.audio
        if not streams:
            return
        packets = self._container.demux(streams[0])
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
            except (self._av.FFmpegError, OSError) as error:
                self.error = _reason(error)
                return
            try:
                for frame in packet.decode():
                    self._note_number(frame)
                    yield frame
            except self._av.FFmpegError as error:
                self.error = _reason(error)

    def _note_number(self, frame: "AudioFrame") -> None:
        if self._container.format.name == "flac" and frame.pts is not None and frame.time_base is not None:
            self._numbered_frames = round(frame.pts * frame.time_base * frame.sample_rate) + frame.samples

    def _declared_frames(self) -> int | None:
        stream, container = self._container.streams.audio[0], self._container
        if not container.format.name.startswith(COUNTING_FORMATS):
            return None
        if stream.duration is not None and stream.time_base is not None:
            return round(stream.duration * stream.time_base * self.rate)
        return round(container.duration * self.rate / 1e6) if container.duration else None

    def _layout(self, frame: "AudioFrame") -> Layout | None:
        places = tuple(channel.name for channel in frame.layout.channels)
        return None if len(places) != self.channels or "channels" in frame.layout.name else places


def ffmpeg_installed() -> bool:
    """Whether there is PyAV."""
    return find_spec("av") is not None


def _library() -> ModuleType:
    try:
        import av  # noqa: PLC0415 - most sound needs none of its 100 MB
    except ImportError as error:
        raise AudioFileError("PyAV, which reads it by ffmpeg, is not installed: run pip install av") from error
    return av


def _open(source: FileIO | str) -> "InputContainer":
    """Open by descriptor: the file's name means nothing to ffmpeg, and no other file or host is reached."""
    if isinstance(source, str):
        name, protocols, timeouts_s = source, REMOTE_PROTOCOLS, REMOTE_TIMEOUTS_S
    else:
        source.seek(0)
        name, protocols, timeouts_s = f"file:/dev/fd/{source.fileno()}", "file", None
    options = {"protocol_whitelist": protocols}
    container: InputContainer = _library().open(name, options=options, timeout=timeouts_s, metadata_errors="replace")
    return container


def _converted(resampler: "AudioResampler", frame: "AudioFrame | None") -> Iterator[ChannelAudio]:
    """The sound that is ready when `frame` is added, None for the end."""
    for converted in resampler.resample(frame):
        yield converted.to_ndarray().astype(np.float32, copy=False)


def _form(frame: "AudioFrame") -> tuple[object, ...]:
    return frame.sample_rate, frame.layout.name, frame.format.name


def _reason(error: Exception) -> str:
    return f"ffmpeg: {getattr(error, 'strerror', None) or error}"
