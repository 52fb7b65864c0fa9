"""Each limit at its edge and one past it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from net.errors import LocalProtocolError, RemoteProtocolError
from net.protocol.frames import decode_control, encode_chunk, encode_control, largest_chunk_body_bytes
from net.protocol.limits import DEFAULT_LIMITS, LimitExceeded, Limits
from net.protocol.messages import Accept, Control, End, FrameType, Hello, Ping, Pong, Refuse
from net.protocol.state_machine import ReceiverProtocol, SenderProtocol
from tests.net.protocol.exchange import ACCEPT, HELLO, chunk, connected, end_of, feedback, silence


def body_of(message: Control) -> bytes:
    return msgspec.msgpack.encode(message)


def hello(**changes: Any) -> bytes:
    return body_of(msgspec.structs.replace(HELLO, **changes))


EDGES: list[tuple[str, FrameType, Callable[[int], bytes], int, int]] = [
    ("name", FrameType.HELLO, lambda n: hello(name="x" * n), 200, 201),
    ("sender", FrameType.HELLO, lambda n: hello(sender="x" * n), 200, 201),
    ("model", FrameType.HELLO, lambda n: hello(model="x" * n), 200, 201),
    ("wide text", FrameType.HELLO, lambda n: hello(name="🐈" * n, sender="🐈" * n, model="🐈" * n), 200, 201),
    ("receiver", FrameType.ACCEPT, lambda n: body_of(Accept(0, "x" * n, 1)), 200, 201),
    ("reason", FrameType.REFUSE, lambda n: body_of(Refuse("busy", "🐈" * n)), 500, 501),
    ("low sample rate", FrameType.HELLO, lambda n: hello(sample_rate=n), 8000, 7999),
    ("high sample rate", FrameType.HELLO, lambda n: hello(sample_rate=n), 48000, 48001),
    ("short chunk", FrameType.HELLO, lambda n: hello(chunk_samples=n, overlap_samples=0), 320, 319),
    ("long chunk", FrameType.HELLO, lambda n: hello(chunk_samples=n), 480000, 480001),
    ("overlap", FrameType.HELLO, lambda n: hello(overlap_samples=n), 8000, 8001),
    ("seamless overlap", FrameType.HELLO, lambda n: hello(stitching="seamless", overlap_samples=n), 0, 1),
    (
        "seamless chunk",
        FrameType.HELLO,
        lambda n: hello(stitching="seamless", overlap_samples=0, chunk_samples=n),
        640,
        641,
    ),
    ("no stream", FrameType.HELLO, lambda n: hello(num_streams=n), 1, 0),
    ("streams", FrameType.HELLO, lambda n: hello(num_streams=n), 6, 7),
    ("no group", FrameType.HELLO, lambda n: hello(groups=n), 1, 0),
    ("groups", FrameType.HELLO, lambda n: hello(groups=n), 16, 17),
    ("no bit", FrameType.HELLO, lambda n: hello(bits_per_code=n), 1, 0),
    ("bits", FrameType.HELLO, lambda n: hello(bits_per_code=n), 16, 17),
    ("total", FrameType.HELLO, lambda n: hello(total_samples=n), 96 * 3600 * 16000, 96 * 3600 * 16000 + 1),
    ("late epoch", FrameType.HELLO, lambda n: hello(epoch_s=float(n)), 10**11, 10**11 + 1),
    ("epoch", FrameType.HELLO, lambda n: hello(epoch_s=float(n)), 0, -1),
    ("fingerprint", FrameType.HELLO, lambda n: hello(fingerprint="a" * n), 16, 17),
    ("short fingerprint", FrameType.HELLO, lambda n: hello(fingerprint="a" * n), 16, 15),
    ("stream id", FrameType.HELLO, lambda n: hello(stream_id=bytes(n)), 16, 17),
    ("short stream id", FrameType.HELLO, lambda n: hello(stream_id=bytes(n)), 16, 15),
    ("no window", FrameType.ACCEPT, lambda n: body_of(Accept(0, "bob", n)), 1, 0),
    ("window", FrameType.ACCEPT, lambda n: body_of(Accept(0, "bob", n)), 1024, 1025),
    ("next chunk", FrameType.ACCEPT, lambda n: body_of(Accept(n, "bob", 1)), 2**32 - 1, 2**32),
    ("chunks", FrameType.END, lambda n: body_of(End(n, 1, True)), 2**32 - 1, 2**32),
    ("ping id", FrameType.PING, lambda n: body_of(Ping(n, 0.0)), 2**32 - 1, 2**32),
    ("feedback", FrameType.FEEDBACK, lambda n: body_of(feedback(acknowledged=n)), 2**32 - 1, 2**32),
]


@pytest.mark.parametrize(("frame_type", "body", "edge", "past"), [row[1:] for row in EDGES], ids=[e[0] for e in EDGES])
def test_values(frame_type: FrameType, body: Callable[[int], bytes], edge: int, past: int) -> None:
    """The edge passes, one past it does not."""
    decode_control(frame_type, body(edge), DEFAULT_LIMITS)
    with pytest.raises(RemoteProtocolError):
        decode_control(frame_type, body(past), DEFAULT_LIMITS)


@pytest.mark.parametrize(
    "message", [HELLO, ACCEPT, Refuse("busy", "later"), End(0, 0, True), feedback(), Ping(1, 0.0)], ids=str
)
def test_body_lengths(message: Control) -> None:
    """A body as long as its limit passes, one byte longer does not."""
    frame = encode_control(message, DEFAULT_LIMITS)
    frame_type = FrameType(frame[0])
    field = f"{frame_type.name.lower()}_bytes"
    length = len(frame) - 4
    decode_control(frame_type, frame[4:], Limits(**{field: length}))
    with pytest.raises(LimitExceeded):
        decode_control(frame_type, frame[4:], Limits(**{field: length - 1}))


def test_the_longest_chunk_body() -> None:
    """HELLO may promise chunks as long as the limit, and none longer; a CHUNK header beyond the promise is refused."""
    largest = largest_chunk_body_bytes(HELLO)
    assert largest == 12 + 1148
    decode_control(FrameType.HELLO, body_of(HELLO), Limits(chunk_bytes=largest))
    with pytest.raises(LimitExceeded):
        decode_control(FrameType.HELLO, body_of(HELLO), Limits(chunk_bytes=largest - 1))
    connected()[1].receive_data(b"\x04" + largest.to_bytes(3, "big"))
    with pytest.raises(LimitExceeded):
        connected()[1].receive_data(b"\x04" + (largest + 1).to_bytes(3, "big"))


def test_the_longest_texts_fit_their_frames() -> None:
    """Four bytes a character in every text stay within the longest HELLO and REFUSE."""
    wide = "🐈" * 200
    SenderProtocol(msgspec.structs.replace(HELLO, name=wide, sender=wide, model=wide))
    encode_control(Refuse("protocol", "🐈" * 500), DEFAULT_LIMITS)
    encode_control(Accept(2**32 - 1, wide, 1024), DEFAULT_LIMITS)


def test_unanswered_pings() -> None:
    """64 PINGs may wait, the next one ends the connection; answers make room."""
    _, receiver = connected()
    ping = encode_control(Ping(1, 0.0), DEFAULT_LIMITS)
    receiver.receive_data(ping * 64)
    assert len(receiver.events()) == 64
    receiver.send(Pong(1, 0.0, 0.0, 0.0))
    receiver.receive_data(ping)
    with pytest.raises(RemoteProtocolError, match="65 PINGs"):
        receiver.receive_data(ping)


def streaming(limits: Limits, offered: Hello = HELLO, accept: Accept = ACCEPT) -> ReceiverProtocol:
    """A receiver with these limits that has accepted a stream."""
    receiver = ReceiverProtocol(limits)
    receiver.receive_data(SenderProtocol(offered, limits).data_to_send())
    receiver.send(accept)
    return receiver


def test_the_longest_stream() -> None:
    """A chunk and an END may reach the longest stream's last sample and no further."""
    limits = Limits(max_stream_s=10)
    longest = msgspec.structs.replace(HELLO, chunk_samples=16000, overlap_samples=0)
    receiver = streaming(limits, longest)
    receiver.receive_data(encode_chunk(chunk(9, hello=longest), longest))
    receiver.receive_data(encode_control(End(10, 160000, True), limits))
    with pytest.raises(RemoteProtocolError, match="longest stream"):
        streaming(limits, longest).receive_data(encode_chunk(chunk(10, samples=1, hello=longest), longest))
    with pytest.raises(RemoteProtocolError, match="160001 samples"):
        streaming(limits, longest).receive_data(encode_control(End(11, 160001, True), limits))


def test_the_longest_gap() -> None:
    """A gap may leave out as much as the limit; after a resume from nothing, the first may leave out more."""
    limits = Limits(max_gap_s=9)
    streaming(limits).receive_data(encode_chunk(silence(10), HELLO))
    with pytest.raises(RemoteProtocolError, match="leaves out 158400 samples"):
        streaming(limits).receive_data(encode_chunk(silence(11), HELLO))
    resumed = msgspec.structs.replace(HELLO, resume=True)
    receiver = streaming(limits, resumed)
    receiver.receive_data(encode_chunk(silence(5000), resumed))
    with pytest.raises(RemoteProtocolError, match="leaves out"):
        receiver.receive_data(encode_chunk(silence(5012), resumed))
    with pytest.raises(RemoteProtocolError, match="leaves out"):
        streaming(limits, resumed, Accept(1, "bob", 20)).receive_data(encode_chunk(silence(5000), resumed))


def test_the_window() -> None:
    """As many chunks as the window holds pass unacknowledged, one more does not."""
    receiver = streaming(DEFAULT_LIMITS, accept=Accept(0, "bob", 3))
    for index in range(3):
        receiver.receive_data(encode_chunk(silence(index), HELLO))
    with pytest.raises(RemoteProtocolError, match="3 chunks, the most"):
        receiver.receive_data(encode_chunk(silence(3), HELLO))


def test_tighter_limits_bind_our_own_side_too() -> None:
    """A sender with limits does not offer what breaks them."""
    with pytest.raises(LocalProtocolError):
        SenderProtocol(HELLO, Limits(max_streams=5))


def test_memory_of_one_connection_is_bounded() -> None:
    """A slow peer never makes a receiver hold more than one frame that is not whole."""
    _, receiver = connected()
    frame = encode_chunk(chunk(0), HELLO)
    most = 0
    for index in range(5):
        for byte in encode_chunk(chunk(index), HELLO):
            receiver.receive_data(bytes([byte]))
            most = max(most, receiver.held_bytes)
        receiver.events()
    assert most == len(frame) - 1
    receiver.receive_data(encode_control(end_of(5), DEFAULT_LIMITS))
    assert receiver.held_bytes == 0
