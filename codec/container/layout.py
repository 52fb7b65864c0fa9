"""The parts of an `.esc` file ↔ bytes, as `codec/container/FORMAT.md` describes them, and all its limits. No I/O.

A file is a header, records (one a chunk and channel), and a trailer with the index.
"""

import re
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from codec.chunks.bits import MAX_BITS_PER_CODE, packed_bytes
from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS
from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan, Stitching
from codec.errors import ContainerError, UsageError

MAGIC = b"\x89ESC\r\n\x1a\n"
VERSION = 1
MAX_HEADER_BYTES = 96
MAX_MODEL_NAME_BYTES = 40
MAX_CHANNELS = 16
MAX_STREAMS = 7
MAX_GROUPS = 64
MAX_CHUNKS = 1 << 24
MAX_GAP_S = 3600
MAX_FIRST_S = 96 * 3600
"""Without an index: the longest stretch that may be missing between two chunks, and before the first."""

RECORD_MARK = b"\xecS"
TRAILER_MARK = b"\xecX"
END_MARK = b"CSE\x1a"

CRC_BYTES = 4
END_BYTES = 4 + len(END_MARK)

_HEADER = struct.Struct(">8s7BH4IQ8s")
_RECORD = struct.Struct(">2sBBII")
_TRAILER = struct.Struct(">2sBBIQ")
_END = struct.Struct(">I4s")
_CRC = struct.Struct(">I")

MIN_HEADER_BYTES = _HEADER.size + CRC_BYTES
RECORD_HEADER_BYTES = _RECORD.size
TRAILER_HEADER_BYTES = _TRAILER.size

_FINGERPRINT = re.compile("[0-9a-f]{16}")
_UNKNOWN_LENGTH = (1 << 64) - 1
_STREAMS_BITS = 0b00111
_TAIL_BIT = 0b01000
_SILENCE_BIT = 0b10000

_STITCHINGS = (Stitching.CROSSFADE, Stitching.SEAMLESS)
_NUMBERS = (
    *("channels", "num_streams", "groups", "bits_per_code", "frame_samples", "sample_rate"),
    *("chunk_samples", "overlap_samples", "source_rate"),
)
"""The fields of `EscHeader` that stand in the header as they are, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EscHeader:
    """The header of a file. Raises `ContainerError`, naming the value, for what the format cannot express.

    `total_samples` is each channel's length, None until it is known. `source_rate` is
    the sound's rate before it was resampled to `sample_rate`, 0 where that is not known.
    """

    fingerprint: str
    model: str
    sample_rate: int
    num_streams: int
    groups: int
    bits_per_code: int
    frame_samples: int
    chunk_samples: int
    overlap_samples: int
    stitching: Stitching
    channels: int = 1
    total_samples: int | None = None
    source_rate: int = 0

    def __post_init__(self) -> None:
        _require(bool(_FINGERPRINT.fullmatch(self.fingerprint)), "fingerprint", self.fingerprint)
        _require(self.model.isprintable(), "model name", self.model)
        _require(len(self.model.encode()) <= MAX_MODEL_NAME_BYTES, "model name", self.model)
        _require(1 <= self.sample_rate < 1 << 20, "sample rate", self.sample_rate)
        _require(0 <= self.source_rate < 1 << 32, "source rate", self.source_rate)
        _require(1 <= self.num_streams <= MAX_STREAMS, "number of streams", self.num_streams)
        _require(1 <= self.groups <= MAX_GROUPS, "number of groups", self.groups)
        _require(1 <= self.bits_per_code <= MAX_BITS_PER_CODE, "number of bits per code", self.bits_per_code)
        _require(1 <= self.frame_samples < 1 << 16, "frame length", self.frame_samples)
        _require(1 <= self.channels <= MAX_CHANNELS, "number of channels", self.channels)
        _require(self.total_samples is None or 0 <= self.total_samples < 1 << 48, "length", self.total_samples)
        try:
            ChunkPlan(self.chunk_samples, self.overlap_samples)
        except UsageError as error:
            raise ContainerError(f"the header cannot be right: {error}") from error
        if self.stitching is Stitching.SEAMLESS:
            _require(self.overlap_samples == 0, "overlap of seamless chunks", self.overlap_samples)
            _require(self.chunk_samples % self.frame_samples == 0, "length of seamless chunks", self.chunk_samples)

    @property
    def plan(self) -> ChunkPlan:
        """How the sound is cut into chunks."""
        return ChunkPlan(self.chunk_samples, self.overlap_samples, self.stitching)

    @property
    def kbps(self) -> float:
        """The codes' bitrate at all streams, per channel and without overlap."""
        bits_per_frame = self.num_streams * self.groups * self.bits_per_code
        return bits_per_frame * self.sample_rate / self.frame_samples / 1000

    def frames(self, samples: int, *, tail: bool) -> int:
        """Code frames of a chunk of `samples`: one for each begun, and one more with a tail."""
        return -(-samples // self.frame_samples) + tail

    def payload_bytes(self, num_streams: int, samples: int, *, tail: bool) -> int:
        """Bytes of the packed codes of a chunk."""
        return packed_bytes(num_streams, self.groups, self.frames(samples, tail=tail), self.bits_per_code)

    def samples_of(self, index: int, total_samples: int) -> int:
        """Length of chunk `index` in a sound of `total_samples`."""
        return max(0, min(self.chunk_samples, total_samples - self.plan.start(index)))


@dataclass(frozen=True, slots=True)
class Trailer:
    """The end of a finished file: its true length and the lengths of its records, 0 for chunks that are missing.

    `complete` is False where the sound itself was stopped early.
    """

    total_samples: int
    record_bytes: tuple[int, ...]
    complete: bool = True


def shortened_name(name: str) -> str:
    """As much of a model's name as a header holds, with unprintable characters replaced."""
    name = "".join(character if character.isprintable() else "?" for character in name)
    return name.encode()[:MAX_MODEL_NAME_BYTES].decode(errors="ignore")


def pack_header(header: EscHeader) -> bytes:
    """The header's bytes, at most 96."""
    name = header.model.encode()
    body = _HEADER.pack(
        *(MAGIC, VERSION, MIN_HEADER_BYTES + len(name), _STITCHINGS.index(header.stitching)),
        *(getattr(header, field) for field in _NUMBERS),
        _UNKNOWN_LENGTH if header.total_samples is None else header.total_samples,
        bytes.fromhex(header.fingerprint),
    )
    return _with_crc(body + name)


def header_bytes(start: bytes) -> int:
    """Length of the header that begins with these 10 bytes. Raises `ContainerError` for anything else."""
    if not start.startswith(MAGIC):
        if start.startswith(MAGIC.replace(b"\r\n", b"\n")):
            raise ContainerError("the file was damaged by a transfer in text mode: copy it again in binary mode")
        raise ContainerError("this is not an .esc file: its first 8 bytes are not those of the format")
    if len(start) < 10:
        raise ContainerError(f"the file is cut off within its header, after {len(start)} bytes: nothing can be decoded")
    version, length = start[8], start[9]
    if version != VERSION:
        raise ContainerError(f"the file has version {version} of the format, this program reads {VERSION}: update it")
    if not MIN_HEADER_BYTES <= length <= MAX_HEADER_BYTES:
        raise ContainerError(f"the header is damaged: it cannot be {length} bytes long")
    return length


def parse_header(data: bytes) -> EscHeader:
    """Undo `pack_header`; raises `ContainerError` for anything else."""
    length = header_bytes(data[:10])
    if len(data) < length:
        raise ContainerError(f"the file is cut off within its header, after {len(data)} bytes: nothing can be decoded")
    if len(data) > length or not crc_holds(data):
        raise ContainerError("the header is damaged (its CRC does not match): nothing can be decoded")
    _, _, _, stitching, *numbers, total, fingerprint = _HEADER.unpack_from(data)
    if stitching >= len(_STITCHINGS):
        raise ContainerError(f"the header cannot be right: there is no stitching {stitching}")
    return EscHeader(
        fingerprint=fingerprint.hex(),
        model=data[_HEADER.size : -CRC_BYTES].decode(errors="replace"),
        stitching=_STITCHINGS[stitching],
        total_samples=None if total == _UNKNOWN_LENGTH else total,
        **dict(zip(_NUMBERS, numbers, strict=True)),
    )


def pack_record(chunk: PackedChunk) -> bytes:
    """The bytes of one chunk: 16 and its payload."""
    silent = chunk.silence_dbfs is not None
    flags = 0 if silent else chunk.num_streams | (_TAIL_BIT if chunk.tail else 0)
    payload = bytes([-chunk.silence_dbfs]) if chunk.silence_dbfs is not None else chunk.payload
    start = _RECORD.pack(
        RECORD_MARK, flags | (_SILENCE_BIT if silent else 0), chunk.channel, chunk.index, chunk.samples
    )
    return _with_crc(start + payload)


def record_bytes(start: bytes, header: EscHeader) -> int | None:
    """Length of the record that begins with these 12 bytes, None where no record of this file does."""
    mark, flags, channel, index, samples = _RECORD.unpack(start)
    streams = flags & _STREAMS_BITS
    silent = bool(flags & _SILENCE_BIT)
    if mark != RECORD_MARK or channel >= header.channels or index >= MAX_CHUNKS:
        return None
    shortest = 1 + (header.overlap_samples if index else 0)
    if not shortest <= samples <= header.chunk_samples or flags > (_SILENCE_BIT | _TAIL_BIT | _STREAMS_BITS):
        return None
    if silent:
        payload = 1 if flags == _SILENCE_BIT else None
    else:
        known = 1 <= streams <= header.num_streams
        payload = header.payload_bytes(streams, samples, tail=bool(flags & _TAIL_BIT)) if known else None
    return None if payload is None else RECORD_HEADER_BYTES + payload + CRC_BYTES


def parse_record(record: bytes, header: EscHeader) -> PackedChunk | None:
    """Undo `pack_record`; None where the record is damaged."""
    if len(record) < RECORD_HEADER_BYTES or record_bytes(record[:RECORD_HEADER_BYTES], header) != len(record):
        return None
    if not crc_holds(record):
        return None
    _, flags, channel, index, samples = _RECORD.unpack_from(record)
    silent = bool(flags & _SILENCE_BIT)
    payload = record[RECORD_HEADER_BYTES:-CRC_BYTES]
    if silent and payload[0] > -DIGITAL_SILENCE_DBFS:
        return None
    return PackedChunk(
        index=index,
        samples=samples,
        num_streams=flags & _STREAMS_BITS,
        payload=b"" if silent else payload,
        channel=channel,
        tail=bool(flags & _TAIL_BIT),
        silence_dbfs=-payload[0] if silent else None,
    )


def pack_trailer(trailer: Trailer) -> bytes:
    """The bytes of the trailer: 28, and 4 for each record."""
    start = _TRAILER.pack(TRAILER_MARK, trailer.complete, 0, len(trailer.record_bytes), trailer.total_samples)
    body = _with_crc(start + np.array(trailer.record_bytes, ">u4").tobytes())
    return body + _END.pack(len(body) + _END.size, END_MARK)


def trailer_bytes(end: bytes) -> int | None:
    """Length of the trailer that ends with these 8 bytes, None where none does."""
    length, mark = _END.unpack(end)
    return int(length) if mark == END_MARK else None


def trailer_body_bytes(start: bytes) -> int | None:
    """Length, without the 8 bytes at its end, of the trailer that begins with these 16 bytes; None where none does."""
    mark, flags, reserved, count, _ = _TRAILER.unpack(start)
    if mark != TRAILER_MARK or flags > 1 or reserved:
        return None
    return int(TRAILER_HEADER_BYTES + 4 * count + CRC_BYTES)


def parse_trailer(body: bytes, header: EscHeader) -> Trailer | None:
    """Undo `pack_trailer`, given all but its last 8 bytes; None where it is damaged or is not this file's."""
    if len(body) < TRAILER_HEADER_BYTES + CRC_BYTES or trailer_body_bytes(body[:TRAILER_HEADER_BYTES]) != len(body):
        return None
    if not crc_holds(body):
        return None
    _, flags, _, count, total = _TRAILER.unpack_from(body)
    if count != header.plan.chunk_count(total) * header.channels:
        return None
    lengths = np.frombuffer(body[TRAILER_HEADER_BYTES:-CRC_BYTES], ">u4")
    return Trailer(total, tuple(lengths.tolist()), bool(flags))


def crc_holds(data: bytes) -> bool:
    """Whether the last 4 bytes are the CRC-32 of those before them."""
    return data[-CRC_BYTES:] == _CRC.pack(zlib.crc32(data[:-CRC_BYTES]))


def _with_crc(body: bytes) -> bytes:
    return body + _CRC.pack(zlib.crc32(body))


def _require(holds: bool, name: str, value: object) -> None:
    if not holds:
        raise ContainerError(f"an .esc file cannot have the {name} {value!r}")
