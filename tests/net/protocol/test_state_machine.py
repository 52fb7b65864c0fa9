import msgspec
import pytest

from net.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from net.protocol.frames import PREAMBLE
from net.protocol.limits import LimitExceeded
from net.protocol.messages import Accept, Ping, Pong, Refuse
from net.protocol.state_machine import ReceiverProtocol, SenderProtocol, State
from tests.net.protocol.exchange import ACCEPT, HELLO, chunk, connected, end_of, feedback, pass_on, silence


def stream_bytes() -> bytes:
    """What a sender writes in one whole stream of three chunks."""
    sender, _ = connected()
    written = SenderProtocol(HELLO).data_to_send()
    for sent in (chunk(0), silence(1), chunk(2, samples=4000)):
        sender.send(sent)
    sender.send(Ping(7, 1.5))
    sender.send(msgspec.structs.replace(end_of(3), samples=2 * 14400 + 4000))
    return written + sender.data_to_send()


def test_a_whole_stream_passes() -> None:
    """Chunks arrive as sent, END ends, FEEDBACK finishes, and both sides may then close."""
    sender, receiver = connected()
    chunks = [chunk(0), silence(1), chunk(2)]
    for sent in chunks:
        sender.send(sent)
    sender.send(end_of(3))
    pass_on(sender, receiver)
    assert receiver.events() == [*chunks, end_of(3)]
    receiver.send(feedback(received=3, acknowledged=3, finished=True))
    pass_on(sender, receiver)
    assert sender.events() == [feedback(received=3, acknowledged=3, finished=True)]
    assert sender.state is State.FINISHED
    assert receiver.state is State.FINISHED
    sender.receive_eof()
    receiver.receive_eof()


def receive_byte_by_byte(receiver: ReceiverProtocol, data: bytes) -> list[object]:
    """Feed single bytes, accepting HELLO as soon as it comes."""
    events: list[object] = []
    for position in range(len(data)):
        receiver.receive_data(data[position : position + 1])
        events += receiver.events()
        if receiver.state is State.DECIDING:
            receiver.send(ACCEPT)
    return events


def test_a_stream_in_single_bytes_equals_a_whole_one() -> None:
    """Where the bytes are cut makes no difference."""
    events = receive_byte_by_byte(ReceiverProtocol(), stream_bytes())
    assert [type(event).__name__ for event in events] == [
        "Hello",
        "PackedChunk",
        "PackedChunk",
        "PackedChunk",
        "Ping",
        "End",
    ]
    assert events[0] == HELLO
    assert events[1] == chunk(0)


def test_end_of_file_anywhere_before_end_is_a_lost_connection() -> None:
    """Only after END may a sender go."""
    data = stream_bytes()
    for length in [*range(40), len(data) // 2, len(data) - 1]:
        receiver = ReceiverProtocol()
        receive_byte_by_byte(receiver, data[:length])
        with pytest.raises(ConnectionLost):
            receiver.receive_eof()
        assert receiver.state is State.LOST


def test_what_came_before_a_fault_is_kept() -> None:
    """A bad frame ends the connection, and loses no chunk that came whole before it."""
    sender, receiver = connected()
    sender.send(chunk(0))
    with pytest.raises(RemoteProtocolError, match="unknown type 99"):
        receiver.receive_data(sender.data_to_send() + bytes([99, 0, 0, 0]))
    assert receiver.events() == [chunk(0)]
    assert receiver.state is State.FAILED
    receiver.send(Refuse("protocol", "that was wrong"))
    sender.receive_data(receiver.data_to_send())
    assert sender.events() == [Refuse("protocol", "that was wrong")]
    assert sender.state is State.REFUSED


@pytest.mark.parametrize("length", [2**24 - 1, 65537])
def test_a_length_is_refused_before_its_body(length: int) -> None:
    """Four bytes suffice to refuse a body that is too long."""
    for header in (b"\x01", b"\x04"):
        receiver = ReceiverProtocol() if header == b"\x01" else connected()[1]
        with pytest.raises(LimitExceeded):
            receiver.receive_data((PREAMBLE if header == b"\x01" else b"") + header + length.to_bytes(3, "big"))


def test_the_window_bounds_what_is_unacknowledged() -> None:
    """Neither side lets more chunks pass than the receiver allowed; an acknowledgement opens the window again."""
    sender, receiver = connected(accept=Accept(0, "bob", 2))
    sender.send(chunk(0))
    sender.send(chunk(1))
    assert sender.window_left == 0
    with pytest.raises(LocalProtocolError, match="wait to be acknowledged"):
        sender.send(chunk(2))
    pass_on(sender, receiver)
    receiver.send(feedback(acknowledged=1))
    pass_on(sender, receiver)
    assert sender.window_left == receiver.window_left == 1
    sender.send(chunk(2))


def test_pings_and_pongs_pass_both_ways() -> None:
    """Either side may ask, and gets its own words back."""
    sender, receiver = connected()
    sender.send(Ping(1, 2.5))
    receiver.send(Ping(9, 3.5))
    pass_on(sender, receiver)
    assert receiver.events() == [Ping(1, 2.5)]
    assert sender.events() == [Ping(9, 3.5)]
    receiver.send(Pong(1, 2.5, 10.0, 11.0))
    pass_on(sender, receiver)
    assert sender.events() == [Pong(1, 2.5, 10.0, 11.0)]
