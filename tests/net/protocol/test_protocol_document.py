"""PROTOCOL.md says what the code does: its examples and its tables are run."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

import net
from codec.chunks.bits import pack_codes
from codec.chunks.packed import PackedChunk
from net.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from net.protocol.frames import PREAMBLE, decode_chunk, decode_control, encode_chunk, encode_control, max_body_bytes
from net.protocol.limits import DEFAULT_LIMITS
from net.protocol.messages import Control, End, FrameType, Ping, Pong, Refuse
from net.protocol.state_machine import ReceiverProtocol, SenderProtocol, State
from net.protocol.transitions import RECEIVER, SENDER, Event, Signal
from tests.net.protocol.exchange import ACCEPT, HELLO, chunk, connected, end_of, feedback, silence

ROLES = {"sender": SENDER, "receiver": RECEIVER}
DOCUMENT = (Path(net.__file__).parent / "protocol" / "PROTOCOL.md").read_text(encoding="utf-8")
CODES = np.array([[[1, 2], [3, 4], [1022, 1023]]])
HELLO_33000 = msgspec.structs.replace(HELLO, total_samples=33000)
REFUSE = Refuse("busy", "8 streams are open")
EXAMPLE_CHUNKS = {
    "CHUNK": PackedChunk(
        index=2,
        samples=320,
        num_streams=1,
        capture_s=2.5,
        payload=pack_codes(np.array([[[1, 2], [3, 4], [1022, 1023]]]), 10),
    ),
    "CHUNK silence": silence(1, level_dbfs=-60),
}
EXAMPLES: dict[str, Control] = {
    "HELLO": HELLO_33000,
    "ACCEPT": ACCEPT,
    "REFUSE": REFUSE,
    "END": End(3, 33000, True),
    "FEEDBACK": feedback(
        received=3, decoded=2, played=1, acknowledged=2, queue_depth=1, decode_ms=12.5, round_trip_ms=0.75
    ),
    "PING": Ping(7, 1.5),
    "PONG": Pong(7, 1.5, 10.25, 10.5),
}


def hex_examples() -> dict[str, bytes]:
    blocks = re.findall(r"```hex (.*?)\n(.*?)```", DOCUMENT, re.DOTALL)
    return {name: bytes.fromhex(re.sub(r";.*", "", block)) for name, block in blocks}


Cell = tuple[str, str, str]
"""A table's cell: its row's first cell, its column's header, its text."""


def cells_of(table: str) -> list[Cell]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return [(row[0], column, cell) for row in lines[2:] for column, cell in zip(lines[0][1:], row[1:], strict=True)]


def table_headed(first_header: str) -> list[Cell]:
    start = DOCUMENT.index(f"\n| {first_header} |") + 1
    return cells_of(DOCUMENT[start:].split("\n\n")[0])


def table_under(title: str) -> list[Cell]:
    return cells_of(DOCUMENT.split(f"### {title}\n")[1].split("\n#")[0])


def test_every_kind_of_frame_has_an_example() -> None:
    """No frame type is left without its bytes."""
    assert set(hex_examples()) == {"preamble", *EXAMPLES, *EXAMPLE_CHUNKS}
    assert {name.split()[0] for name in hex_examples()} - {"preamble"} == set(FrameType.__members__)


def test_the_preamble_is_as_written() -> None:
    """The first eight bytes."""
    assert hex_examples()["preamble"] == PREAMBLE


@pytest.mark.parametrize("name", EXAMPLES)
def test_control_frames_are_as_written(name: str) -> None:
    """The example is what the code writes, and reads back."""
    frame = hex_examples()[name]
    assert encode_control(EXAMPLES[name], DEFAULT_LIMITS).hex(" ") == frame.hex(" ")
    assert decode_control(FrameType(frame[0]), frame[4:], DEFAULT_LIMITS) == EXAMPLES[name]


@pytest.mark.parametrize("name", EXAMPLE_CHUNKS)
def test_chunk_frames_are_as_written(name: str) -> None:
    """The example is what the code writes, and reads back."""
    frame = hex_examples()[name]
    assert encode_chunk(EXAMPLE_CHUNKS[name], HELLO).hex(" ") == frame.hex(" ")
    assert decode_chunk(frame[4:], HELLO) == EXAMPLE_CHUNKS[name]


def test_types_and_longest_bodies_are_as_written() -> None:
    """The table of frame types tells each number and limit."""
    cells = {(number, column): cell for number, column, cell in table_headed("type")}
    for frame_type in FrameType:
        assert cells[str(frame_type.value), "name"] == frame_type.name
        longest = cells[str(frame_type.value), "longest body in bytes"]
        assert longest.split()[-1] == str(max_body_bytes(frame_type, DEFAULT_LIMITS))


def test_fields_are_as_written() -> None:
    """Each field of each message has its line."""
    for frame_type, message in EXAMPLES.items():
        for field in message.__struct_fields__:
            assert f"`{field}`" in DOCUMENT, (frame_type, field)


def sender_in(state: State) -> SenderProtocol:
    """A sender in this state, its output and events read."""
    if state is State.OPENING:
        sender = SenderProtocol(HELLO)
        sender.receive_data(PREAMBLE)
    else:
        sender, _ = connected()
    if state in (State.ENDED, State.FINISHED):
        sender.send(end_of(0))
    if state is State.FINISHED:
        sender.receive_data(encode_control(feedback(finished=True), DEFAULT_LIMITS))
    if state is State.REFUSED:
        sender.receive_data(encode_control(REFUSE, DEFAULT_LIMITS))
    _break(sender, state)
    _drain(sender, state)
    return sender


def receiver_in(state: State) -> ReceiverProtocol:
    """A receiver in this state, its output and events read."""
    receiver = ReceiverProtocol()
    if state is State.OPENING:
        receiver.receive_data(PREAMBLE)
    elif state is State.DECIDING:
        receiver.receive_data(SenderProtocol(HELLO).data_to_send())
    else:
        _, receiver = connected()
    if state in (State.ENDED, State.FINISHED):
        receiver.receive_data(encode_control(end_of(0), DEFAULT_LIMITS))
    if state is State.FINISHED:
        receiver.send(feedback(finished=True))
    if state is State.REFUSED:
        receiver.send(REFUSE)
    _break(receiver, state)
    _drain(receiver, state)
    return receiver


def _break(side: SenderProtocol | ReceiverProtocol, state: State) -> None:
    if state is State.FAILED:
        with pytest.raises(RemoteProtocolError):
            side.receive_data(b"\xff\xff\xff\xff")
    if state is State.LOST:
        with pytest.raises(ConnectionLost):
            side.receive_eof()


def _drain(side: SenderProtocol | ReceiverProtocol, state: State) -> None:
    side.events()
    side.data_to_send()
    assert side.state is state


FRAMES: dict[str, bytes] = {
    "HELLO": encode_control(HELLO, DEFAULT_LIMITS),
    "ACCEPT": encode_control(ACCEPT, DEFAULT_LIMITS),
    "REFUSE": encode_control(REFUSE, DEFAULT_LIMITS),
    "CHUNK": encode_chunk(chunk(0), HELLO),
    "END": encode_control(end_of(0), DEFAULT_LIMITS),
    "FEEDBACK": encode_control(feedback(), DEFAULT_LIMITS),
    "FEEDBACK✓": encode_control(feedback(finished=True), DEFAULT_LIMITS),
    "PING": encode_control(Ping(1, 0.0), DEFAULT_LIMITS),
    "PONG": encode_control(Pong(1, 0.0, 0.0, 0.0), DEFAULT_LIMITS),
}
ARRIVALS = [
    *(("sender", *cell) for cell in table_under("What reaches a sender")),
    *(("receiver", *cell) for cell in table_under("What reaches a receiver")),
]
DEPARTURES = [
    *(("sender", *cell) for cell in table_headed("sender's state")),
    *(("receiver", *cell) for cell in table_headed("receiver's state")),
]


def side_in(side: str, state: State) -> SenderProtocol | ReceiverProtocol:
    return sender_in(state) if side == "sender" else receiver_in(state)


def test_the_tables_are_whole() -> None:
    """Each state meets each frame, on both sides."""
    senders, receivers = set(State) - {State.DECIDING}, set(State)
    columns = {*FRAMES, "closed"}
    assert {row[:3] for row in ARRIVALS} == {("sender", s, c) for s in senders for c in columns} | {
        ("receiver", s, c) for s in receivers for c in columns
    }
    assert len(DEPARTURES) == 7 * 4 + 8 * 6


EVENTS: dict[str, Event] = {
    **FrameType.__members__,
    "FEEDBACK✓": Signal.FEEDBACK_FINISHED,
    "closed": Signal.EOF,
}


@pytest.mark.parametrize("direction", ["received", "sent"])
def test_the_tables_are_the_codes(direction: str) -> None:
    """Each cell tells what the role's table of transitions says; the table has no other entry."""
    absent, same, dropped = (
        ("error", "taken", "ignored") if direction == "received" else ("forbidden", "sent", "dropped")
    )
    written: dict[str, dict[State, set[Event]]] = {side: {state: set() for state in State} for side in ROLES}
    for side, state, column, cell in ARRIVALS if direction == "received" else DEPARTURES:
        row, event = getattr(ROLES[side], direction).rows[State(state)], EVENTS[column]
        if event not in row:
            assert cell == absent
            continue
        written[side][State(state)].add(event)
        after = row[event]
        unchanged = "fine" if column == "closed" else dropped
        assert cell == (unchanged if after is None else same if after == state else f"→ {after}")
    for side, states in written.items():
        for state, row in getattr(ROLES[side], direction).rows.items():
            assert set(row) - {Signal.FAULT} == states[state]


@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_a_fault_of_the_peer_ends_every_state_that_listens(side: str) -> None:
    """Where what comes is not thrown away unread, a broken protocol leads to the state failed."""
    for state, row in ROLES[side].received.rows.items():
        assert row[Signal.FAULT] == (None if state in (State.REFUSED, State.LOST) else State.FAILED)


@pytest.mark.parametrize(("side", "state", "column", "cell"), ARRIVALS)
def test_what_arrives(side: str, state: str, column: str, cell: str) -> None:
    """Every state × every frame that may arrive does what the table says."""
    subject = side_in(side, State(state))
    if column == "closed":
        _expect_closed(subject, state, cell)
        return
    if cell == "error":
        with pytest.raises(RemoteProtocolError):
            subject.receive_data(FRAMES[column])
        assert subject.state is State.FAILED
        assert subject.events() == []
        return
    subject.receive_data(FRAMES[column])
    assert len(subject.events()) == (cell != "ignored")
    assert subject.state == (cell[2:] if cell.startswith("→ ") else state)


def _expect_closed(subject: SenderProtocol | ReceiverProtocol, state: str, cell: str) -> None:
    if cell == "fine":
        subject.receive_eof()
        assert subject.state == state
        return
    assert cell == "→ lost"
    with pytest.raises(ConnectionLost):
        subject.receive_eof()
    assert subject.state is State.LOST


@pytest.mark.parametrize(("side", "state", "column", "cell"), DEPARTURES)
def test_what_may_be_sent(side: str, state: str, column: str, cell: str) -> None:
    """Every state × every frame that this side could send does what the table says."""
    subject = side_in(side, State(state))
    if cell == "forbidden":
        with pytest.raises(LocalProtocolError):
            _send(subject, column)
        assert subject.data_to_send() == b""
        assert subject.state == state
        return
    _send(subject, column)
    assert bool(subject.data_to_send()) == (cell != "dropped")
    assert subject.state == (cell[2:] if cell.startswith("→ ") else state)


def _send(subject: SenderProtocol | ReceiverProtocol, column: str) -> None:
    subject.send(
        {
            "ACCEPT": ACCEPT,
            "REFUSE": REFUSE,
            "CHUNK": chunk(0),
            "END": end_of(0),
            "FEEDBACK": feedback(),
            "FEEDBACK✓": feedback(finished=True),
            "PING": Ping(1, 0.0),
            "PONG": Pong(1, 0.0, 0.0, 0.0),
        }[column]
    )
