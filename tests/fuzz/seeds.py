"""Where fuzzing starts: inputs that are right, for each target."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from codec.container import EscHeader, Stitching
from codec.container.layout import CRC_BYTES, END_BYTES
from net.protocol.frames import HEADER_BYTES, encode_chunk, encode_control
from net.protocol.limits import DEFAULT_LIMITS
from net.protocol.messages import Control, End, Ping, Pong, Refuse
from net.protocol.state_machine import SenderProtocol
from tests.codec.container.esc_files import HEADER, chunks_of, file_bytes
from tests.fuzz.parts import join_parts
from tests.fuzz.targets import ENDED, FRAMED, SEAMLESS, SEAMLESSLY, STREAMING
from tests.net.protocol.exchange import ACCEPT, HELLO, chunk, end_of, feedback, silence

PING, PONG = Ping(1, 2.5), Pong(1, 2.5, 3.5, 4.5)


def _framed(mode: int, *frames: bytes) -> bytes:
    """Frames as parts: type and body, without the length."""
    return bytes([mode | FRAMED, 3]) + join_parts(frame[:1] + frame[HEADER_BYTES:] for frame in frames)


def _control(message: Control) -> bytes:
    return encode_control(message, DEFAULT_LIMITS)


def receiver() -> Iterator[bytes]:
    """Whole streams, and each frame by itself."""
    short = chunk(1, samples=2000, num_streams=1)
    frames = (encode_chunk(chunk(0, num_streams=1), HELLO), encode_chunk(short, HELLO), _control(End(2, 16400, True)))
    opening = SenderProtocol(HELLO).data_to_send()
    yield bytes([0, 7]) + opening
    yield bytes([0, 1]) + opening + frames[0]
    yield bytes([STREAMING, 100]) + b"".join(frames)
    yield _framed(STREAMING, *frames)
    yield _framed(STREAMING, encode_chunk(silence(0), HELLO), _control(PING), _control(PONG), _control(end_of(1)))
    seamless = [chunk(0, num_streams=1, hello=SEAMLESS, tail=False), chunk(1, 320, 1, hello=SEAMLESS)]
    yield _framed(STREAMING | SEAMLESSLY, *(encode_chunk(sent, SEAMLESS) for sent in seamless))
    yield _framed(ENDED, _control(PING), _control(PONG))


def sender() -> Iterator[bytes]:
    """Each answer of a receiver, in each state."""
    yield _framed(0, _control(ACCEPT), _control(feedback()), _control(PING))
    yield _framed(SEAMLESSLY, _control(msgspec.structs.replace(ACCEPT, next_chunk=5)))
    yield _framed(0, _control(Refuse("busy", "8 streams are open")))
    yield _framed(STREAMING, _control(feedback(acknowledged=1, decode_ms=1.5)), _control(PONG), _control(PING))
    yield _framed(STREAMING, _control(feedback(acknowledged=3)), _control(Refuse("storage", "the disk is full")))
    yield _framed(ENDED, _control(feedback(acknowledged=3, finished=True)), _control(PONG))
    yield bytes([STREAMING, 5]) + _control(feedback()) + _control(PING)


def bitstream() -> Iterator[bytes]:
    """Codes of several shapes."""
    yield bytes([1, 3, 2, 10, *bytes.fromhex("0040200c04ffbff0")])
    yield bytes([6, 3, 4, 10]) + bytes(90)
    yield bytes([2, 1, 3, 16]) + bytes(range(12))
    yield bytes([3, 5, 1, 1, 0xAA, 0xAA])


def container() -> Iterator[bytes]:
    """Whole files and cut-off ones, as they are and in parts whose checksums the target writes."""
    two_channels = replace(HEADER, stitching=Stitching.SEAMLESS, overlap_samples=0, channels=2, num_streams=1)
    for header, total in ((HEADER, 4000), (two_channels, 3300), (HEADER, 0)):
        chunks = chunks_of(header, total)
        yield b"\0" + file_bytes(header, chunks, total)
        yield b"\0" + file_bytes(header, chunks, trailer=False)
        yield b"\1" + join_parts(_file_parts(header, total))


def _file_parts(header: EscHeader, total: int) -> Iterator[bytes]:
    """A file's parts without their checksums, each after a byte that asks for one, and the end mark without one."""
    chunks = chunks_of(header, total)
    ends = [len(file_bytes(header, chunks[:count], trailer=False)) for count in range(len(chunks) + 1)]
    whole = file_bytes(header, chunks, total)
    ends.append(len(whole) - END_BYTES)
    start = 0
    for end in ends:
        yield b"\1" + whole[start : end - CRC_BYTES]
        start = end
    yield b"\0" + whole[start:]


SEEDS = {"receiver": receiver, "sender": sender, "bitstream": bitstream, "container": container}
