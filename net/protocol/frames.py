"""Frames ↔ bytes, as `PROTOCOL.md` lays them down. No I/O, and no memory taken before a length is checked.

A frame is `type u8 | length u24 | body`, big-endian. Bodies are MessagePack but for CHUNK, which is packed by hand.
What is decoded here has the right types, lies within `Limits`, holds finite numbers and printable text.
"""

import math
import struct
from collections.abc import Callable
from typing import Final

import msgspec

from codec.chunks.bits import packed_bytes
from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS
from codec.chunks.packed import PackedChunk, code_frames
from codec.chunks.plan import PAD_SAMPLES
from net.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from net.protocol.limits import LimitExceeded, Limits
from net.protocol.messages import MAX_U32, Accept, Control, End, Feedback, FrameType, Hello, Ping, Pong, Refuse
from net.text import is_printable, printable

MAGIC: Final = b"ESCL"
VERSION: Final = 1
PREAMBLE: Final = MAGIC + bytes([VERSION, 0, 0, 0])
TLS_HANDSHAKE: Final = b"\x16"
"""The first byte that a TLS client sends."""
HEADER_BYTES: Final = 4
CHUNK_HEADER: Final = struct.Struct(">IB3sI")
"""Index, flags, samples, capture time."""
CAPTURE_UNITS_PER_S: Final = 10_000

STREAMS_MASK: Final = 0b0000_0111
TAIL_FLAG: Final = 0b0000_1000
SILENCE_FLAG: Final = 0b0001_0000

_TYPE_OF: Final[dict[type[Control], FrameType]] = {
    Hello: FrameType.HELLO,
    Accept: FrameType.ACCEPT,
    Refuse: FrameType.REFUSE,
    End: FrameType.END,
    Feedback: FrameType.FEEDBACK,
    Ping: FrameType.PING,
    Pong: FrameType.PONG,
}
_DECODERS: Final[dict[FrameType, msgspec.msgpack.Decoder[Control]]] = {
    frame_type: msgspec.msgpack.Decoder(struct_type) for struct_type, frame_type in _TYPE_OF.items()
}
_ENCODER: Final = msgspec.msgpack.Encoder()


def frame_type_of(message: Control) -> FrameType:
    """The type of the frame that carries `message`."""
    return _TYPE_OF[type(message)]


def max_body_bytes(frame_type: FrameType, limits: Limits) -> int:
    """The longest body that `limits` allow for a frame of this type."""
    return int(getattr(limits, f"{frame_type.name.lower()}_bytes"))


def payload_bytes(hello: Hello, num_streams: int, samples: int, tail: bool) -> int:
    """Bytes of the codes of a chunk under this HELLO."""
    return packed_bytes(num_streams, hello.groups, code_frames(samples, tail), hello.bits_per_code)


def largest_chunk_body_bytes(hello: Hello) -> int:
    """Bytes of the longest CHUNK body that `hello` promises."""
    return CHUNK_HEADER.size + payload_bytes(hello, hello.num_streams, hello.chunk_samples, tail=True)


def encode_control(message: Control, limits: Limits) -> bytes:
    """Return the frame of a control message, its texts made printable and cut to their limits.

    Raises `LocalProtocolError` for a message that a peer with these limits would not take.
    """
    frame_type = frame_type_of(message)
    body = _ENCODER.encode(_with_printable_texts(message, limits))
    try:
        decode_control(frame_type, body, limits)
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"this message must not be sent: {error}") from error
    return _frame(frame_type, body)


def decode_control(frame_type: FrameType, body: bytes, limits: Limits) -> Control:
    """Return the message in a control frame's body; raises `RemoteProtocolError` for anything but a valid one."""
    _check_length(frame_type, len(body), max_body_bytes(frame_type, limits))
    try:
        message = _DECODERS[frame_type].decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"the peer sent a broken {frame_type.name}: {printable(str(error), 200)}") from error
    for field, value in msgspec.structs.asdict(message).items():
        _check_value(f"{frame_type.name} whose {field}", value, _max_chars(field, limits))
    if isinstance(message, Hello):
        _check_hello(message, limits)
    if isinstance(message, Accept):
        _check_range("ACCEPT", "window_chunks", message.window_chunks, 1, limits.max_window_chunks)
    return message


def encode_chunk(chunk: PackedChunk, hello: Hello) -> bytes:
    """Return the frame of a chunk; raises `LocalProtocolError` where it does not fit what `hello` promised.

    Capture times beyond the wire's 119 hours are sent as the last one.
    """
    _check_chunk(chunk, hello, LocalProtocolError)
    capture = min(round(chunk.capture_s * CAPTURE_UNITS_PER_S), MAX_U32)
    if chunk.silence_dbfs is None:
        flags, payload = chunk.num_streams | TAIL_FLAG * chunk.tail, chunk.payload
    else:
        flags, payload = SILENCE_FLAG, bytes([-chunk.silence_dbfs])
    header = CHUNK_HEADER.pack(chunk.index, flags, chunk.samples.to_bytes(3, "big"), capture)
    return _frame(FrameType.CHUNK, header + payload)


def decode_chunk(body: bytes, hello: Hello) -> PackedChunk:
    """Return the chunk in a CHUNK frame's body; raises `RemoteProtocolError` where `hello` did not promise it."""
    if len(body) < CHUNK_HEADER.size:
        raise RemoteProtocolError(f"the peer sent CHUNK of {len(body)} bytes, shorter than its header")
    index, flags, samples, capture = CHUNK_HEADER.unpack_from(body)
    payload = body[CHUNK_HEADER.size :]
    silent = bool(flags & SILENCE_FLAG)
    if flags & ~(STREAMS_MASK | TAIL_FLAG | SILENCE_FLAG) or (silent and flags != SILENCE_FLAG):
        raise RemoteProtocolError(f"the peer sent chunk {index} with flags 0x{flags:02x}, which mean nothing")
    if silent and len(payload) != 1:
        raise RemoteProtocolError(f"the peer sent silent chunk {index} with {len(payload)} bytes instead of 1")
    chunk = PackedChunk(
        index=index,
        samples=int.from_bytes(samples, "big"),
        num_streams=flags & STREAMS_MASK,
        tail=bool(flags & TAIL_FLAG),
        silence_dbfs=-payload[0] if silent else None,
        capture_s=capture / CAPTURE_UNITS_PER_S,
        payload=b"" if silent else payload,
    )
    _check_chunk(chunk, hello, RemoteProtocolError)
    return chunk


class FrameBuffer:
    """Cuts received bytes into frames, holding at most one incomplete frame.

    `admit` returns the longest body of a frame of some type, or raises `RemoteProtocolError` where none may come now;
    it is asked as soon as a frame's header is there.
    """

    def __init__(self, admit: Callable[[FrameType], int]) -> None:
        self._admit = admit
        self._buffer = bytearray()
        self._preamble_seen = False

    @property
    def held_bytes(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Append received bytes."""
        self._buffer += data

    def clear(self) -> None:
        """Forget what is held."""
        self._buffer.clear()

    def next_frame(self) -> tuple[FrameType, bytes] | None:
        """Return type and body of the next whole frame, None where more bytes are needed.

        Raises `RemoteProtocolError` for a wrong preamble, an unknown type or a body that is too long.
        """
        if not self._preamble_seen and not self._take_preamble():
            return None
        if len(self._buffer) < HEADER_BYTES:
            return None
        frame_type, length = self._header()
        if len(self._buffer) < HEADER_BYTES + length:
            return None
        return frame_type, self._take(HEADER_BYTES + length)[HEADER_BYTES:]

    def _header(self) -> tuple[FrameType, int]:
        try:
            frame_type = FrameType(self._buffer[0])
        except ValueError as error:
            raise RemoteProtocolError(f"the peer sent a frame of unknown type {self._buffer[0]}") from error
        length = int.from_bytes(self._buffer[1:HEADER_BYTES], "big")
        _check_length(frame_type, length, self._admit(frame_type))
        return frame_type, length

    def _take_preamble(self) -> bool:
        seen = bytes(self._buffer[: len(PREAMBLE)])
        _check_preamble(seen)
        self._preamble_seen = len(seen) == len(PREAMBLE)
        if self._preamble_seen:
            self._take(len(PREAMBLE))
        return self._preamble_seen

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _check_preamble(seen: bytes) -> None:
    """Raise `RemoteProtocolError` where these first bytes of a connection cannot be those of the preamble."""
    if seen[:1] == TLS_HANDSHAKE:
        raise RemoteProtocolError("the peer speaks TLS: start this side with --tls, too")
    if not MAGIC.startswith(seen[: len(MAGIC)]):
        raise RemoteProtocolError("the peer does not speak esc-tui's protocol: is this the right port?")
    if len(seen) > len(MAGIC) and seen[len(MAGIC)] != VERSION:
        raise RemoteProtocolError(
            f"the peer speaks version {seen[len(MAGIC)]} of the protocol, this side {VERSION}: "
            "install the same esc-tui on both"
        )
    if not PREAMBLE.startswith(seen):
        raise RemoteProtocolError("the peer's preamble does not end in zero bytes")


def _frame(frame_type: FrameType, body: bytes) -> bytes:
    return bytes([frame_type]) + len(body).to_bytes(3, "big") + body


def _check_length(frame_type: FrameType, length: int, longest: int) -> None:
    if length > longest:
        raise LimitExceeded(f"the peer sent {frame_type.name} of {length} bytes; the longest is {longest}")


def _with_printable_texts(message: Control, limits: Limits) -> Control:
    fields = msgspec.structs.asdict(message).items()
    texts = {field: printable(value, _max_chars(field, limits)) for field, value in fields if isinstance(value, str)}
    return msgspec.structs.replace(message, **texts)


def _max_chars(field: str, limits: Limits) -> int:
    return limits.reason_chars if field == "reason" else limits.name_chars


def _check_value(what: str, value: object, max_chars: int) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise RemoteProtocolError(f"the peer sent {what} is {value}")
    if isinstance(value, str) and len(value) > max_chars:
        raise LimitExceeded(f"the peer sent {what} has {len(value)} characters; the most are {max_chars}")
    if isinstance(value, str) and not is_printable(value):
        raise RemoteProtocolError(f"the peer sent {what} has unprintable characters")


def _check_hello(hello: Hello, limits: Limits) -> None:
    ranges = {
        "sample_rate": (limits.min_sample_rate, limits.max_sample_rate),
        "chunk_samples": (limits.min_chunk_samples, limits.max_chunk_samples),
        "overlap_samples": (0, hello.chunk_samples // 2 if hello.stitching == "crossfade" else 0),
        "num_streams": (1, limits.max_streams),
        "groups": (1, limits.max_groups),
        "bits_per_code": (1, limits.max_bits_per_code),
        "total_samples": (0, limits.max_stream_s * hello.sample_rate),
        "epoch_s": (0, limits.max_epoch_s),
    }
    for field, (least, most) in ranges.items():
        value = getattr(hello, field)
        if value is not None:
            _check_range("HELLO", field, value, least, most)
    if hello.stitching == "seamless" and hello.chunk_samples % PAD_SAMPLES:
        raise RemoteProtocolError(
            f"the peer sent HELLO whose seamless chunks of {hello.chunk_samples} samples "
            f"are no multiple of {PAD_SAMPLES}"
        )
    _check_range("HELLO", "longest CHUNK body", largest_chunk_body_bytes(hello), 0, limits.chunk_bytes)


def _check_range(frame: str, field: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise LimitExceeded(f"the peer sent {frame} whose {field} is {value}; it must be {least} to {most}")


def _check_chunk(chunk: PackedChunk, hello: Hello, error: type[ProtocolError]) -> None:
    """Raise `error` where a chunk does not fit this HELLO."""
    name = f"chunk {chunk.index}"
    if not 0 <= chunk.index <= MAX_U32:
        raise error(f"{name} has an index outside 0 to {MAX_U32}")
    if not 1 <= chunk.samples <= hello.chunk_samples:
        raise error(f"{name} has {chunk.samples} samples, not 1 to {hello.chunk_samples}")
    if not (math.isfinite(chunk.capture_s) and chunk.capture_s >= 0):
        raise error(f"{name} has the capture time {chunk.capture_s} s; it must not be negative")
    if chunk.silence_dbfs is None:
        _check_codes(chunk, hello, error)
    elif chunk.num_streams or chunk.tail or chunk.payload:
        raise error(f"{name} is silent and so must have no streams, no tail and no payload")
    elif not DIGITAL_SILENCE_DBFS <= chunk.silence_dbfs <= 0:
        raise error(f"silent {name} is at {chunk.silence_dbfs} dBFS, not {DIGITAL_SILENCE_DBFS} to 0")


def _check_codes(chunk: PackedChunk, hello: Hello, error: type[ProtocolError]) -> None:
    name = f"chunk {chunk.index}"
    if not 1 <= chunk.num_streams <= hello.num_streams:
        raise error(f"{name} has {chunk.num_streams} streams, not 1 to {hello.num_streams}")
    if hello.stitching == "crossfade" and not chunk.tail:
        raise error(f"{name} has no tail, as one that is cross-faded must")
    expected = payload_bytes(hello, chunk.num_streams, chunk.samples, chunk.tail)
    if len(chunk.payload) != expected:
        raise error(f"{name} has {len(chunk.payload)} bytes of codes instead of {expected}")
    codes = chunk.num_streams * hello.groups * code_frames(chunk.samples, chunk.tail)
    unused_bits = 8 * expected - codes * hello.bits_per_code
    if chunk.payload[-1] & ((1 << unused_bits) - 1):
        raise error(f"{name} has bits after its last code that are not zero")
