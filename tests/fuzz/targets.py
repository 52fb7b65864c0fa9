"""What is fuzzed: functions of bytes that raise only where a promise is broken.

A first byte chooses how the rest is used, so that a fuzzer need not find magic numbers, lengths and checksums by luck.
"""

import io
from collections.abc import Callable, Iterator

import msgspec

from codec.chunks.bits import keep_streams, pack_codes, unpack_codes
from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS
from codec.chunks.packed import PackedChunk
from codec.container import EscReader
from codec.errors import ContainerError
from net.errors import ConnectionLost, RemoteProtocolError
from net.protocol.frames import HEADER_BYTES, PREAMBLE, encode_chunk, encode_control, largest_chunk_body_bytes
from net.protocol.limits import DEFAULT_LIMITS
from net.protocol.state_machine import ReceiverProtocol, SenderProtocol, State
from net.text import is_printable
from tests.fuzz.parts import crc_of, split_parts
from tests.net.protocol.exchange import HELLO, chunk, connected, end_of

Side = SenderProtocol | ReceiverProtocol

SEAMLESS = msgspec.structs.replace(HELLO, stitching="seamless", overlap_samples=0, resume=True)
STREAMING, ENDED, SEAMLESSLY, FRAMED = 1, 2, 4, 8
"""Bits of the first byte for both sides of a link: start in this state, and put headers before the parts."""
FEW_SLOTS = 4096


def receiver(data: bytes) -> None:
    """Hostile senders: nothing but the documented errors, in bounded memory, however the bytes are cut."""
    _protocol(data, _new_receiver)


def sender(data: bytes) -> None:
    """Hostile receivers, likewise."""
    _protocol(data, _new_sender)


def _protocol(data: bytes, new_side: Callable[[int], Side]) -> None:
    if len(data) < 2:
        return
    mode, cut, rest = data[0], data[1], data[2:]
    if mode & FRAMED:
        rest = b"".join(part[:1] + (len(part) - 1).to_bytes(3, "big") + part[1:] for part in split_parts(rest) if part)
    whole = _outcome(new_side(mode), rest, len(rest) or 1)
    assert whole == _outcome(new_side(mode), rest, cut or 1), "where the bytes are cut makes a difference"


def _new_receiver(mode: int) -> ReceiverProtocol:
    if not mode & (STREAMING | ENDED):
        return ReceiverProtocol()
    _, receiving = connected(SEAMLESS if mode & SEAMLESSLY else HELLO)
    if mode & ENDED:
        receiving.receive_data(encode_control(end_of(0), DEFAULT_LIMITS))
    return receiving


def _new_sender(mode: int) -> SenderProtocol:
    if not mode & (STREAMING | ENDED):
        opening = SenderProtocol(SEAMLESS if mode & SEAMLESSLY else HELLO)
        opening.receive_data(PREAMBLE)
        return opening
    sending, _ = connected()
    for index in range(3):
        sending.send(chunk(index))
    if mode & ENDED:
        sending.send(end_of(3))
    return sending


def _outcome(side: Side, data: bytes, step: int) -> tuple[list[object], State, str]:
    """Events, last state and error of a side that is fed `data` in steps."""
    events: list[object] = []
    fault = ""
    most_held = HEADER_BYTES + max(DEFAULT_LIMITS.hello_bytes, largest_chunk_body_bytes(HELLO))
    try:
        for start in range(0, len(data), step):
            side.receive_data(data[start : start + step])
            events += side.events()
            assert side.held_bytes < most_held, "more than one frame is held"
        side.receive_eof()
    except (RemoteProtocolError, ConnectionLost) as error:
        fault = str(error)
        assert is_printable(fault), "an error's text could steer a terminal"
    events += side.events()
    for event in events:
        _check_event(event)
    return events, side.state, fault


def _check_event(event: object) -> None:
    if isinstance(event, PackedChunk):
        offered = HELLO if event.tail or event.silence_dbfs is not None else SEAMLESS
        encode_chunk(event, offered)
        return
    encode_control(event, DEFAULT_LIMITS)  # type: ignore[arg-type] - all others are control messages


def bitstream(data: bytes) -> None:
    """Packed bits are refused, or come back the same, and their prefixes are the first streams."""
    if len(data) < 4:
        return
    streams, groups, frames, bits = data[0] & 7, data[1] & 31, data[2], data[3] & 31
    packed = data[4:]
    try:
        codes = unpack_codes(packed, streams, groups, frames, bits)
    except ValueError:
        return
    assert codes.shape == (streams, groups, frames)
    assert pack_codes(codes, bits) == packed
    for kept in range(1, streams):
        assert keep_streams(packed, kept, groups, frames, bits) == pack_codes(codes[:kept], bits)


def container(data: bytes) -> None:
    """An `.esc` file is refused, or everything in it can be read or is named as damaged."""
    if not data:
        return
    mode, rest = data[0], data[1:]
    if mode & 1:
        rest = b"".join(part[1:] + crc_of(part[1:]) * (part[0] & 1) for part in split_parts(rest) if part)
    try:
        reader = EscReader(io.BytesIO(rest))
    except ContainerError:
        return
    with reader:
        _read_all(reader)


def _read_all(reader: EscReader) -> None:
    slots = reader.chunk_count * reader.header.channels
    if slots > FEW_SLOTS:
        return
    assert len(reader.warnings) <= FEW_SLOTS
    reader.damage()
    for index, channel in _places(reader):
        try:
            stored = reader.read(index, channel)
        except ContainerError:
            continue
        if stored is None:
            continue
        assert 0 < stored.samples <= reader.header.chunk_samples
        assert stored.silence_dbfs is None or DIGITAL_SILENCE_DBFS <= stored.silence_dbfs <= 0
        if stored.silence_dbfs is None:
            expected = reader.header.payload_bytes(stored.num_streams, stored.samples, tail=stored.tail)
            assert len(stored.payload) == expected


def _places(reader: EscReader) -> Iterator[tuple[int, int]]:
    for index in range(reader.chunk_count):
        for channel in range(reader.header.channels):
            yield index, channel


TARGETS: dict[str, Callable[[bytes], None]] = {
    "receiver": receiver,
    "sender": sender,
    "bitstream": bitstream,
    "container": container,
}
