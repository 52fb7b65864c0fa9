"""Decoding by libsndfile, and noticing where it stops before the sound's end."""

import os
import re
from collections.abc import Iterator
from contextlib import closing
from io import FileIO
from os import SEEK_CUR, SEEK_END, SEEK_SET
from pathlib import Path

import soundfile

from codec.errors import AudioFileError
from codec.sound.ffmpeg import FfmpegDecoder, ffmpeg_installed
from codec.sound.levels import ScaleEstimate
from codec.sound.mixing import FLAC_LAYOUTS, OGG_LAYOUTS, Layout, counted_layout, mask_layout
from codec.types import ChannelAudio

PIECE_FRAMES = 4096
LONGEST_FRAMES = 2**53
"""More are no length but the sign for an unknown one."""
UNKNOWN_BYTES = 0x7F000000
"""From here on a size is what programs write that cannot know it: sox, ffmpeg and others, into pipes."""
UNREAD_S = 0.1
"""So much sound behind the place where libsndfile stopped is worth looking for."""
UNCOMPRESSED = re.compile("PCM_|FLOAT|DOUBLE|ULAW|ALAW")
CHUNKED_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF")
PLAIN_FORMATS = (*CHUNKED_FORMATS, "AU")
"""Formats whose sound is one stretch of bytes, behind a header."""
BIG_ENDIAN_FORMATS = ("AIFF", "AU", "CAF")
TAG_MARKS = (b"ID3", b"TAG", b"APETAGEX")
"""How tags begin, which some programs append to any file."""
LONGEST_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
OGG_END_OF_STREAM = 4

_STATED_BYTES = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
_MP3_LENGTH = re.compile(rb"(?:Xing|Info)...[\x01\x03\x05\x07\x09\x0b\x0d\x0f]|VBRI", re.DOTALL)
"""Headers that count the frames: of Xing's and LAME's the lowest flag says so."""
_CHANNEL_MASK = re.compile(r"Channel Mask\s*: 0x([0-9A-Fa-f]+)")


class SoundfileDecoder:
    """A `Decoder` of an open file, which its owner closes. Raises `AudioFileError` with libsndfile's reason."""

    tolerance_s = 0.0

    def __init__(self, file: FileIO, path: Path | None = None) -> None:
        self._raw = file
        try:
            self._file = _open(file, path)
        except (soundfile.LibsndfileError, TypeError, OSError) as error:
            raise AudioFileError(reason(error)) from error
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self._uncompressed = self._file.format in PLAIN_FORMATS and bool(UNCOMPRESSED.match(self._file.subtype))
        self.layout = _layout(self._file)
        self.error = ""
        self._frames = 0
        self.length_frames = self._length_frames()
        self.declared_frames = self._declared_frames()

    def scale(self) -> float:
        """What its samples are to be divided by: floats may be integers in truth. Reads all of a file of floats."""
        estimate = ScaleEstimate()
        if self._file.subtype in ("FLOAT", "DOUBLE"):
            for piece in _pieces(self._file):
                estimate.add(piece)
            self._file.seek(0)
        return estimate.scale

    def pieces(self) -> Iterator[ChannelAudio]:
        """The sound `[channel, samples]` to its end: what libsndfile does not reach is read in other ways."""
        yield from self._read_pieces()
        if self._stopped_early:
            rest = self._uncounted_pieces() if self._uncompressed and not self.error else self._ffmpeg_pieces()
            for piece in rest:
                self._frames += piece.shape[1]
                yield piece
        if self._file.format == "OGG" and not self.error and _is_torn(_last_ogg_page(self._raw)):
            self.error = "its last page is torn"

    def _read_pieces(self) -> Iterator[ChannelAudio]:
        try:
            for piece in _pieces(self._file):
                self._frames += piece.shape[1]
                yield piece
        except soundfile.LibsndfileError as error:
            self.error = reason(error)

    @property
    def _stopped_early(self) -> bool:
        """Whether sound may stand behind what was read: after an error, or where bytes are left that are no chunk."""
        if self.error:
            return True
        end = self._raw.tell()
        left_bytes = self._raw.seek(0, SEEK_END) - end
        self._raw.seek(end)
        enough = UNREAD_S * self.rate * end / self._frames if self._frames else 0
        return left_bytes > enough and not self._is_chunk(end, left_bytes)

    def _uncounted_pieces(self) -> Iterator[ChannelAudio]:
        """The samples that stand behind those which the header counts."""
        tail, subtype = _Tail(self._raw, self._raw.tell()), self._file.subtype
        with soundfile.SoundFile(tail, "r", self.rate, self.channels, subtype, self._endian, "RAW") as file:
            yield from _pieces(file)

    def _ffmpeg_pieces(self) -> Iterator[ChannelAudio]:
        """What ffmpeg reads beyond the samples that were read."""
        try:
            decoder = FfmpegDecoder(self._raw, self.rate, self.channels)
        except AudioFileError as error:
            if self.error or not ffmpeg_installed():
                self.error = f"{self.error or 'more stands behind what libsndfile reads'}; {error}"
            return
        with closing(decoder):
            order, to_skip = self._order(decoder.layout), self._frames
            for piece in decoder.pieces():
                yield piece[order, to_skip:]
                to_skip = max(0, to_skip - piece.shape[1])
            self.error = decoder.error
            self.declared_frames = self.declared_frames or decoder.declared_frames

    def _order(self, layout: Layout | None) -> list[int]:
        """Where the channels of this file stand in another decoder's layout."""
        if self.layout is None or layout is None or set(self.layout) != set(layout):
            return list(range(self.channels))
        return [layout.index(place) for place in self.layout]

    @property
    def has_end(self) -> bool:
        """Whether the mark of the sound's end is there, where its format has one."""
        return self._file.format != "OGG" or _ends_stream(_last_ogg_page(self._raw))

    def close(self) -> None:
        """Leave the file."""
        self._file.close()

    def _length_frames(self) -> int | None:
        guessed = self._file.format == "MP3" and not _MP3_LENGTH.search(_first_mp3_bytes(self._raw))
        return None if guessed or self._file.frames >= LONGEST_FRAMES else self._file.frames

    def _declared_frames(self) -> int | None:
        sizes = _STATED_BYTES.search(self._file.extra_info) if self._uncompressed else None
        if not sizes or not self.length_frames:
            return self.length_frames
        stated, actual = map(int, sizes.groups())
        return self.length_frames * stated // actual if 0 < stated < UNKNOWN_BYTES else None

    @property
    def _endian(self) -> str:
        if self._file.endian in ("LITTLE", "BIG"):
            return str(self._file.endian)
        return "BIG" if self._file.format in BIG_ENDIAN_FORMATS else "LITTLE"

    def _is_chunk(self, start: int, left_bytes: int) -> bool:
        """Whether what begins at that byte is a chunk of the file or a tag, but no sound."""
        size_at, order = (16, "little") if self._file.format == "W64" else (4, self._endian.lower())
        head = os.pread(self._raw.fileno(), 24, start + start % 2)
        size = int.from_bytes(head[size_at : size_at + 4], "big" if order == "big" else "little")
        is_named = head[:4].isascii() and head[:4].decode().isprintable()
        return head.startswith(TAG_MARKS) or (self._file.format in CHUNKED_FORMATS and is_named and size <= left_bytes)


class _Tail:
    """The end of an open file as a file of its own, for libsndfile, whose callbacks must not raise."""

    def __init__(self, file: FileIO, start: int) -> None:
        self._file, self._start = file, start
        self.readinto, self.name = file.readinto, "tail"

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        base = {SEEK_SET: self._start, SEEK_CUR: self._file.tell(), SEEK_END: 0}[whence]
        if whence == SEEK_END:
            return self._file.seek(offset, SEEK_END) - self._start
        return self._file.seek(max(self._start, base + offset)) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start


def reason(error: Exception) -> str:
    """What libsndfile says, without the file's name, which it repeats."""
    said = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    return str(said).removeprefix("Error : ").strip().rstrip(".")


def _open(file: FileIO, path: Path | None) -> soundfile.SoundFile:
    """Open by descriptor; by its name what only its name tells, as `.gsm`."""
    try:
        return soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        if path is None or path.suffix.lower() != ".gsm":
            raise
        return soundfile.SoundFile(os.fsencode(path))


def _pieces(file: soundfile.SoundFile) -> Iterator[ChannelAudio]:
    while len(piece := file.read(PIECE_FRAMES, dtype="float32", always_2d=True)):
        yield piece.T


def _layout(file: soundfile.SoundFile) -> Layout | None:
    mask = _CHANNEL_MASK.search(file.extra_info)
    if mask:
        return mask_layout(int(mask[1], 16))
    layouts = {"FLAC": FLAC_LAYOUTS, "OGG": OGG_LAYOUTS}.get(file.format, ())
    return counted_layout(layouts, file.channels)


def _first_mp3_bytes(file: FileIO) -> bytes:
    """The first frame, behind a tag, and more."""
    head = os.pread(file.fileno(), 10, 0)
    tag_bytes = 0
    if head.startswith(b"ID3"):
        tag_bytes = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return os.pread(file.fileno(), 4096, tag_bytes)


def _last_ogg_page(file: FileIO) -> bytes:
    """The last page of an Ogg file, from its header on."""
    end = os.fstat(file.fileno()).st_size
    last = os.pread(file.fileno(), LONGEST_OGG_PAGE_BYTES, max(0, end - LONGEST_OGG_PAGE_BYTES))
    return last[last.rfind(b"OggS") :]


def _ends_stream(page: bytes) -> bool:
    return len(page) > 5 and bool(page[5] & OGG_END_OF_STREAM)


def _is_torn(page: bytes) -> bool:
    header_bytes = 27 + page[26] if len(page) > 26 else 27
    return len(page) < header_bytes + sum(page[27:header_bytes])
