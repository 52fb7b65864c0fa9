import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.chunks.packed import PackedChunk
from net.errors import LocalProtocolError, RemoteProtocolError
from net.protocol.frames import (
    HEADER_BYTES,
    PREAMBLE,
    FrameBuffer,
    code_frames,
    decode_chunk,
    decode_control,
    encode_chunk,
    encode_control,
    payload_bytes,
)
from net.protocol.limits import DEFAULT_LIMITS, LimitExceeded
from net.protocol.messages import Accept, Control, End, FrameType, Hello, Ping, Pong, Refuse
from tests.net.protocol.exchange import ACCEPT, HELLO, chunk, feedback, silence

CONTROLS: list[Control] = [
    HELLO,
    ACCEPT,
    Refuse("model", "another fingerprint"),
    End(3, 33000, True),
    feedback(decode_ms=1.5, heard_latency_ms=-0.25),
    Ping(1, 2.5),
    Pong(1, 2.5, 3.5, 4.5),
]
names = [type(message).__name__ for message in CONTROLS]
SEAMLESS = msgspec.structs.replace(HELLO, stitching="seamless", overlap_samples=0)
printable_texts = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=200)
u32 = st.integers(0, 2**32 - 1)


def packed(message: Control, **changes: Any) -> tuple[FrameType, bytes]:
    """The body of a control message in which some values were replaced by whatever, unchecked."""
    frame_type = FrameType(encode_control(message, DEFAULT_LIMITS)[0])
    fields = msgspec.structs.asdict(message) | changes
    as_array = message.__struct_config__.array_like
    return frame_type, msgspec.msgpack.encode(list(fields.values()) if as_array else fields)


@pytest.mark.parametrize("message", CONTROLS, ids=names)
def test_control_messages_survive(message: Control) -> None:
    """What is encoded comes back equal, and twice the same bytes."""
    frame = encode_control(message, DEFAULT_LIMITS)
    assert int.from_bytes(frame[1:HEADER_BYTES], "big") == len(frame) - HEADER_BYTES
    assert decode_control(FrameType(frame[0]), frame[HEADER_BYTES:], DEFAULT_LIMITS) == message


@pytest.mark.parametrize("message", CONTROLS, ids=names)
def test_truncated_and_trailing_bodies_are_refused(message: Control) -> None:
    """Every cut of a body, and one byte more, is an error."""
    frame_type, body = packed(message)
    for length in range(len(body)):
        with pytest.raises(RemoteProtocolError):
            decode_control(frame_type, body[:length], DEFAULT_LIMITS)
    with pytest.raises(RemoteProtocolError):
        decode_control(frame_type, body + b"\x00", DEFAULT_LIMITS)


@pytest.mark.parametrize("message", CONTROLS, ids=names)
def test_an_oversized_body_is_refused_unread(message: Control) -> None:
    """A body one byte past its limit is not even decoded."""
    frame_type, _ = packed(message)
    longest = getattr(DEFAULT_LIMITS, f"{frame_type.name.lower()}_bytes")
    with pytest.raises(LimitExceeded):
        decode_control(frame_type, bytes(longest + 1), DEFAULT_LIMITS)


@pytest.mark.parametrize("message", CONTROLS, ids=names)
@pytest.mark.parametrize("value", [-1, 2**64 - 1, 2.5, math.nan, math.inf, -math.inf, "text", b"", [], {}, "\x1b[2J"])
def test_no_field_takes_any_value(message: Control, value: object) -> None:
    """A wrong type, a value out of range, nan or an escape sequence is refused wherever it means nothing."""
    accepted = []
    for field in message.__struct_fields__:
        frame_type, body = packed(message, **{field: value})
        try:
            decoded = decode_control(frame_type, body, DEFAULT_LIMITS)
        except RemoteProtocolError:
            continue
        accepted.append(field)
        assert getattr(decoded, field) == value
    times = {"epoch_s", "sent_s", "received_s", "replied_s"}
    allowed = {
        "-1": times,
        "2.5": times,
        "text": {"model", "name", "sender", "receiver", "reason"},
    }
    numbers = {field for field in accepted if not field.endswith("_ms")}
    assert numbers <= allowed.get(str(value), set())


def test_unknown_and_missing_fields_are_refused() -> None:
    """The fields are those of the document, no more and no fewer."""
    fields = msgspec.structs.asdict(HELLO)
    with pytest.raises(RemoteProtocolError):
        decode_control(FrameType.HELLO, msgspec.msgpack.encode(fields | {"path": "/etc"}), DEFAULT_LIMITS)
    del fields["live"]
    with pytest.raises(RemoteProtocolError):
        decode_control(FrameType.HELLO, msgspec.msgpack.encode(fields), DEFAULT_LIMITS)
    for values in ([1], [1, 2.5, 3], []):
        with pytest.raises(RemoteProtocolError):
            decode_control(FrameType.PING, msgspec.msgpack.encode(values), DEFAULT_LIMITS)


@pytest.mark.parametrize(
    "body",
    [
        b"\xdf\xff\xff\xff\xff",  # a map of 2³² − 1 entries
        b"\xdd\xff\xff\xff\xff",  # an array of as many
        b"\xc6\xff\xff\xff\xff",  # as many bytes
        b"\xdb\xff\xff\xff\xff",  # text of as many bytes
        b"\x91" * 4000,  # arrays in arrays
        b"\x81\xa4live" * 600,  # maps in maps
        b"\x81\xa4name\xa2\xff\xfe",  # no UTF-8
        b"\xc1",  # never used in MessagePack
        b"\xd6\xff\x00\x00\x00\x00",  # a timestamp
        b"",
    ],
)
@pytest.mark.parametrize("frame_type", sorted(set(FrameType) - {FrameType.CHUNK}))
def test_hostile_messagepack_is_refused(frame_type: FrameType, body: bytes) -> None:
    """Promised gigabytes, deep nesting and broken text cost nothing and raise only the documented error."""
    with pytest.raises(RemoteProtocolError):
        decode_control(frame_type, body, DEFAULT_LIMITS)


def test_texts_are_made_printable_on_the_way_out() -> None:
    """A file name may hold anything; on the wire it is printable and within its limit."""
    hello = msgspec.structs.replace(HELLO, name="a\x1b[31m\n\u202eb.wav", sender="x" * 300)
    decoded = decode_control(FrameType.HELLO, encode_control(hello, DEFAULT_LIMITS)[HEADER_BYTES:], DEFAULT_LIMITS)
    assert isinstance(decoded, Hello)
    assert decoded.name == "a\ufffd[31m \ufffdb.wav"
    assert len(decoded.sender) == 200


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "a\x00", "\u202egnp.exe", "\u200b", "\x9b31m", "\ud800", "\u2028"])
def test_unprintable_text_is_refused_on_the_way_in(text: str) -> None:
    """No escape sequence, line break, override or invisible character passes from a peer."""
    fields = msgspec.structs.asdict(HELLO) | {"name": "@@@"}
    body = msgspec.msgpack.encode(fields)
    encoded = text.encode("utf-8", "surrogatepass")
    hostile = body.replace(b"\xa3@@@", bytes([0xA0 + len(encoded)]) + encoded)
    assert hostile != body
    with pytest.raises(RemoteProtocolError):
        decode_control(FrameType.HELLO, hostile, DEFAULT_LIMITS)


def test_a_message_that_breaks_a_limit_cannot_be_sent() -> None:
    """What a peer would refuse is an error of this side."""
    with pytest.raises(LocalProtocolError):
        encode_control(msgspec.structs.replace(HELLO, chunk_samples=1), DEFAULT_LIMITS)
    with pytest.raises(LocalProtocolError):
        encode_control(Accept(-1, "bob", 1), DEFAULT_LIMITS)
    with pytest.raises(LocalProtocolError):
        encode_control(Ping(1, math.nan), DEFAULT_LIMITS)


def test_a_chunk_of_a_second_takes_1164_bytes() -> None:
    """16000 samples at 6 streams: 51 code frames, 1148 bytes of codes, at most 1165 on the wire."""
    assert payload_bytes(HELLO, 6, 16000, tail=True) == 1148
    assert len(encode_chunk(chunk(), HELLO)) == 1164


CHUNKS = [chunk(0), chunk(7, samples=1), chunk(2**32 - 1, samples=321, num_streams=1), silence(3), silence(0, 1, 0)]


@pytest.mark.parametrize("sent", CHUNKS)
def test_chunks_survive_whole_and_refuse_any_other_length(sent: PackedChunk) -> None:
    """A chunk comes back equal; cut anywhere, or with a byte more, it is an error."""
    body = encode_chunk(sent, HELLO)[HEADER_BYTES:]
    assert decode_chunk(body, HELLO) == sent
    for length in range(len(body)):
        with pytest.raises(RemoteProtocolError):
            decode_chunk(body[:length], HELLO)
    with pytest.raises(RemoteProtocolError):
        decode_chunk(body + b"\x00", HELLO)


@pytest.mark.parametrize("flags", range(256))
def test_flags_mean_one_thing_or_nothing(flags: int) -> None:
    """Of 256 flag bytes only those that fit the payload pass."""
    body = bytearray(encode_chunk(chunk(num_streams=3), HELLO)[HEADER_BYTES:])
    body[4] = flags
    if flags == 0b0000_1011:
        assert decode_chunk(bytes(body), HELLO).num_streams == 3
        return
    with pytest.raises(RemoteProtocolError):
        decode_chunk(bytes(body), HELLO)


@pytest.mark.parametrize(
    "wrong",
    [
        chunk(samples=0),
        chunk(samples=16001),
        chunk(num_streams=0),
        chunk(tail=False),
        chunk(payload=b""),
        chunk(payload=bytes(1149)),
        chunk(num_streams=1, payload=bytes(191) + b"\x01"),
        chunk(capture_s=-0.001),
        chunk(capture_s=math.nan),
        chunk(capture_s=math.inf),
        chunk(index=-1),
        chunk(index=2**32),
        chunk(silence_dbfs=-60),
        silence(level_dbfs=-128),
        silence(level_dbfs=1),
    ],
)
def test_a_chunk_that_breaks_its_hello_cannot_be_sent(wrong: PackedChunk) -> None:
    """What HELLO did not promise is an error of this side."""
    with pytest.raises(LocalProtocolError):
        encode_chunk(wrong, HELLO)


def test_seven_streams_are_not_six() -> None:
    """The flag bits could say 7, HELLO did not."""
    wide = msgspec.structs.replace(HELLO, num_streams=7)
    body = encode_chunk(chunk(num_streams=7, hello=wide), wide)[HEADER_BYTES:]
    with pytest.raises(RemoteProtocolError):
        decode_chunk(body, HELLO)


def test_seamless_chunks_pass_with_and_without_a_tail() -> None:
    """One frame of codes fewer without."""
    for tail, payload in ((False, 1125), (True, 1148)):
        sent = chunk(tail=tail, hello=SEAMLESS)
        assert len(sent.payload) == payload
        assert decode_chunk(encode_chunk(sent, SEAMLESS)[HEADER_BYTES:], SEAMLESS) == sent


def test_capture_times_stay_at_the_last_number() -> None:
    """After 119 hours a stream goes on, with the latest time that the wire knows."""
    late = chunk(capture_s=1e9)
    assert decode_chunk(encode_chunk(late, HELLO)[HEADER_BYTES:], HELLO).capture_s == (2**32 - 1) / 10_000


@given(
    index=u32,
    samples=st.integers(1, 16000),
    num_streams=st.integers(1, 6),
    capture=u32,
    tail=st.booleans(),
    data=st.data(),
)
def test_any_chunk_survives(
    *, index: int, samples: int, num_streams: int, capture: int, tail: bool, data: st.DataObject
) -> None:
    """Every chunk that HELLO allows comes back equal."""
    size = payload_bytes(SEAMLESS, num_streams, samples, tail)
    unused_bits = 8 * size - num_streams * 3 * code_frames(samples, tail) * 10
    payload = data.draw(st.binary(min_size=size, max_size=size))
    payload = payload[:-1] + bytes([payload[-1] >> unused_bits << unused_bits])
    sent = PackedChunk(
        index=index, samples=samples, num_streams=num_streams, tail=tail, capture_s=capture / 10_000, payload=payload
    )
    assert decode_chunk(encode_chunk(sent, SEAMLESS)[HEADER_BYTES:], SEAMLESS) == sent


@given(
    hello=st.builds(
        Hello,
        stream_id=st.binary(min_size=16, max_size=16),
        resume=st.booleans(),
        fingerprint=st.text("0123456789abcdef", min_size=16, max_size=16),
        model=printable_texts,
        sample_rate=st.integers(8000, 48000),
        chunk_samples=st.integers(3200, 48000),
        overlap_samples=st.integers(0, 1600),
        stitching=st.just("crossfade"),
        num_streams=st.integers(1, 6),
        groups=st.integers(1, 4),
        bits_per_code=st.integers(1, 16),
        total_samples=st.none() | st.integers(0, 96 * 3600 * 8000),
        epoch_s=st.floats(0, 1e11),
        live=st.booleans(),
        name=printable_texts,
        sender=printable_texts,
    )
)
def test_any_hello_survives(hello: Hello) -> None:
    """Every HELLO within the limits comes back equal."""
    frame = encode_control(hello, DEFAULT_LIMITS)
    assert decode_control(FrameType.HELLO, frame[HEADER_BYTES:], DEFAULT_LIMITS) == hello


def buffer_of_pings() -> FrameBuffer:
    """A frame buffer that admits 100 bytes of anything."""
    return FrameBuffer(lambda frame_type: 100)  # noqa: ARG005 - every type alike


def test_frames_are_cut_out_wherever_the_bytes_are_cut() -> None:
    """Whole, byte by byte and with trailing bytes, the same frames come out and the rest is held."""
    stream = PREAMBLE + b"\x07\x00\x00\x02ab" + b"\x08\x00\x00\x00" + b"\x07\x00\x00\x64c"
    expected = [(FrameType.PING, b"ab"), (FrameType.PONG, b"")]
    whole, dribbled = buffer_of_pings(), buffer_of_pings()
    whole.feed(stream)
    assert [whole.next_frame(), whole.next_frame(), whole.next_frame()] == [*expected, None]
    frames = []
    for byte in stream:
        dribbled.feed(bytes([byte]))
        frames += [frame] if (frame := dribbled.next_frame()) else []
    assert frames == expected
    assert whole.held_bytes == dribbled.held_bytes == 5


@pytest.mark.parametrize("length", [101, 0xFFFFFF])
def test_a_body_past_its_limit_is_refused_by_its_header(length: int) -> None:
    """At the limit a header waits for its body; one past it, four bytes are an error."""
    buffer = buffer_of_pings()
    buffer.feed(PREAMBLE + b"\x07" + (100).to_bytes(3, "big"))
    assert buffer.next_frame() is None
    buffer = buffer_of_pings()
    buffer.feed(PREAMBLE + b"\x07" + length.to_bytes(3, "big"))
    with pytest.raises(LimitExceeded):
        buffer.next_frame()


def test_a_four_gibibyte_length_is_refused() -> None:
    """A peer that counts its length in 32 bits, 4 GiB, is refused at its first bytes."""
    buffer = buffer_of_pings()
    buffer.feed(b"\xff\xff\xff\xff" * 2)
    with pytest.raises(RemoteProtocolError):
        buffer.next_frame()
    buffer = buffer_of_pings()
    buffer.feed(PREAMBLE + b"\xff\xff\xff\xff")
    with pytest.raises(RemoteProtocolError):
        buffer.next_frame()


@pytest.mark.parametrize("position", range(8))
def test_each_byte_of_the_preamble_counts(position: int) -> None:
    """A wrong byte is refused as soon as it is there; HTTP and TLS are told apart by their first."""
    wrong = bytearray(PREAMBLE)
    wrong[position] ^= 0x20
    buffer = buffer_of_pings()
    buffer.feed(bytes(wrong[:position]))
    assert buffer.next_frame() is None
    buffer.feed(bytes(wrong[position : position + 1]))
    with pytest.raises(RemoteProtocolError):
        buffer.next_frame()
