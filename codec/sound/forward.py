"""Sound that is read forward only, from a pipe: WAV and AU with or without a length, raw PCM, and what ffmpeg reads."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from codec.errors import AudioFileError, IncompleteSound
from codec.sound.pcm import PcmFormat
from codec.types import ChannelAudio

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

Read = Callable[[int], bytes]
"""Returns up to so many bytes as soon as there are any, and none at the end."""

PIECE_S = 0.1
MAX_HEADER_BYTES = 1 << 20
LEAST_UNKNOWN_BYTES = 0x7FFF0000
"""sox, arecord and ffmpeg write such sizes and greater ones where they do not know them; some recorders write 0."""
_WAV_ENCODINGS: Final = {
    **{(1, bits): f"s{bits}le" for bits in (16, 24, 32)},
    (1, 8): "u8",
    (3, 32): "f32le",
    (3, 64): "f64le",
    (6, 8): "alaw",
    (7, 8): "mulaw",
}
"""By WAVE format tag and bits of a sample's container."""
_EXTENSIBLE = 0xFFFE
_AU_ENCODINGS: Final = {
    1: "mulaw", 2: "s8", 3: "s16be", 4: "s24be", 5: "s32be", 6: "f32be", 7: "f64be", 27: "alaw",
}  # fmt: skip


_AT_ONCE: Final = {"analyzeduration": "200000", "probesize": "65536"}
"""Live sound begins with its first frames, not when ffmpeg has seen 5 s of it."""


class _NotPcm(Exception):
    """The header is none of WAV or AU with PCM: ffmpeg may know it."""


class ForwardBytes:
    """Bytes in the order in which they come; those of a header can be read once more. Has `read`, for PyAV."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._again = b""
        self._header: bytearray | None = bytearray()

    def read(self, most: int) -> bytes:
        """Return up to `most` bytes as soon as there are any, none at the end."""
        data, self._again = self._again[:most], self._again[most:]
        data = data or self._read(most)
        if self._header is not None:
            self._header += data
            if len(self._header) > MAX_HEADER_BYTES:
                raise _NotPcm
        return data

    def whole(self, count: int) -> bytes:
        """Return so many bytes; fewer at the end."""
        data = b""
        while len(data) < count and (more := self.read(count - len(data))):
            data += more
        return data

    def unpack(self, form: str) -> tuple[int, ...]:
        """Return the fields that follow, by `struct`'s notation."""
        data = self.whole(struct.calcsize(form))
        if len(data) < struct.calcsize(form):
            raise _NotPcm
        return struct.unpack(form, data)

    def rewind(self) -> None:
        """Give the header's bytes again, and keep none from now on."""
        self._again = bytes(self._header or b"") + self._again
        self.keep_no_more()

    def keep_no_more(self) -> None:
        """The header was read: what follows is given once."""
        self._header = None


@dataclass(slots=True)
class ForwardSound:
    """One sound: its rate in Hz, and its pieces `[channel, samples]`, of a tenth of a second or less, as they come.

    Its pieces raise `IncompleteSound` at an end that comes too early, and for what could not be decoded, when all else
    was given.
    """

    rate: int
    channels: int
    pieces: Iterator[ChannelAudio] = field(repr=False)


def open_forward(read: Read, raw: PcmFormat | None = None) -> ForwardSound:
    """Read the header, if there is one, and return the sound. Raises `AudioFileError` where it is no sound."""
    data = ForwardBytes(read)
    if raw is not None:
        data.keep_no_more()
        return ForwardSound(raw.rate, raw.channels, _pcm_pieces(data, raw, None))
    try:
        form, data_bytes = _read_header(data)
    except _NotPcm:
        data.rewind()
        return _open_by_ffmpeg(data)
    data.keep_no_more()
    return ForwardSound(form.rate, form.channels, _pcm_pieces(data, form, data_bytes))


def _read_header(data: ForwardBytes) -> tuple[PcmFormat, int | None]:
    """The format, and the bytes of sound where their number is known."""
    match data.whole(4):
        case b"":
            raise AudioFileError("it is empty: it holds no sound")
        case b"RIFF" | b"RF64" | b"BW64":
            return _read_wav_header(data)
        case b".snd":
            offset, size, encoding, rate, channels = data.unpack(">5I")
            data.whole(offset - 24)
            return _pcm_format(_AU_ENCODINGS.get(encoding), rate, channels), _known_bytes(size)
    raise _NotPcm


def _read_wav_header(data: ForwardBytes) -> tuple[PcmFormat, int | None]:
    form, long_bytes = None, 0
    if data.whole(8)[4:] != b"WAVE":
        raise _NotPcm
    while True:
        name, size = data.whole(4), *data.unpack("<I")
        if name == b"data" and form is not None:
            return form, long_bytes or _known_bytes(size)
        body = data.whole(size + size % 2)
        if name == b"fmt " and size >= 16:
            form = _wav_format(body)
        elif name == b"ds64" and size >= 16:
            long_bytes = struct.unpack_from("<Q", body, 8)[0]
            long_bytes = long_bytes if long_bytes < 1 << 62 else 0


def _wav_format(body: bytes) -> PcmFormat:
    tag, channels, rate, _, frame_bytes = struct.unpack_from("<HHIIH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    bits = frame_bytes * 8 // channels if channels else 0
    return _pcm_format(_WAV_ENCODINGS.get((tag, bits)), rate, channels)


def _pcm_format(encoding: str | None, rate: int, channels: int) -> PcmFormat:
    if encoding is None or not rate or not channels:
        raise _NotPcm
    return PcmFormat(encoding, rate, channels)


def _known_bytes(size: int) -> int | None:
    return size if 0 < size < LEAST_UNKNOWN_BYTES else None


def _pcm_pieces(data: ForwardBytes, form: PcmFormat, data_bytes: int | None) -> Iterator[ChannelAudio]:
    """Decode as much as has come, again and again, to the end or up to `data_bytes`."""
    most, rest, taken = max(1, int(form.rate * PIECE_S)) * form.frame_bytes, b"", 0
    while data_bytes is None or taken < data_bytes:
        read = data.read(most if data_bytes is None else min(most, data_bytes - taken))
        if not read:
            break
        taken += len(read)
        rest += read
        whole = len(rest) - len(rest) % form.frame_bytes
        if whole:
            yield form.decode(rest[:whole])
        rest = rest[whole:]
    if data_bytes is not None and taken < data_bytes:
        second_bytes = form.rate * form.frame_bytes
        raise IncompleteSound(f"it ended after {taken / second_bytes:.2f} of {data_bytes / second_bytes:.2f} s")


def _open_by_ffmpeg(data: ForwardBytes) -> ForwardSound:
    try:
        import av  # noqa: PLC0415 - 100 MB that WAV, AU and raw PCM do not need
    except ImportError as error:
        raise AudioFileError(
            "it is neither WAV nor AU, and PyAV, which reads the rest, is not installed: run pip install av, or say "
            "--raw if it is raw PCM"
        ) from error
    try:
        container = av.open(data, mode="r", options=_AT_ONCE, buffer_size=4096)
        stream = container.streams.audio[0]
    except (av.FFmpegError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "no stream of sound in it"
        raise AudioFileError(f"it is no sound that ffmpeg knows ({reason}): say --raw if it is raw PCM") from error
    return ForwardSound(stream.rate, stream.channels, _decoded(container))


def _decoded(container: "InputContainer") -> Iterator[ChannelAudio]:
    """All that can be decoded, in the form that the container's header states."""
    import av  # noqa: PLC0415 - it is here, or nothing would be decoded

    damage: list[str] = []
    stream = container.streams.audio[0]
    resampler = av.AudioResampler("fltp", stream.layout, stream.rate)
    with container:
        for frame in chain(_frames(container, damage), [None]):
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().astype(np.float32, copy=False)
    if damage:
        raise IncompleteSound(f"a part of it could not be decoded ({damage[0]})")


def _frames(container: "InputContainer", damage: list[str]) -> Iterator["AudioFrame"]:
    """The frames that can be decoded; `damage` gets what cannot."""
    import av  # noqa: PLC0415 - likewise

    packets, end = container.demux(container.streams.audio[0]), 0
    is_numbered = container.format.name == "flac"
    while True:
        try:
            packet = next(packets, None)  # after an error, too
            if packet is None:
                return
            for frame in packet.decode():
                start = _start(frame) if is_numbered else end
                if start > end:
                    damage.append(f"{start - end} samples before {start / frame.sample_rate:.2f} s")
                end = start + frame.samples
                yield frame
        except av.FFmpegError as error:
            damage.append(error.strerror or str(error))


def _start(frame: "AudioFrame") -> int:
    """Which sample the frame begins with, by its number."""
    return round((frame.pts or 0) * (frame.time_base or 0) * frame.sample_rate)
