import contextlib

import msgspec
import pytest

from codec.chunks.packed import PackedChunk
from net.errors import LocalProtocolError, RemoteProtocolError
from net.protocol.frames import encode_chunk, encode_control
from net.protocol.limits import DEFAULT_LIMITS
from net.protocol.messages import Accept, End, Hello
from net.protocol.state_machine import ReceiverProtocol, SenderProtocol
from tests.net.protocol.exchange import ACCEPT, HELLO, chunk, connected, end_of, feedback, pass_on, silence

SEAMLESS = msgspec.structs.replace(HELLO, stitching="seamless", overlap_samples=0)
RESUMED = msgspec.structs.replace(HELLO, resume=True)

OUT_OF_PLACE: list[tuple[str, Hello, list[PackedChunk]]] = [
    ("twice", HELLO, [chunk(0), chunk(0)]),
    ("back", HELLO, [chunk(0), chunk(5), chunk(4)]),
    ("after a short one", HELLO, [chunk(0), chunk(1, samples=15999), chunk(2)]),
    ("after short silence", HELLO, [silence(0, samples=9000), chunk(1)]),
    ("no more than overlap", HELLO, [chunk(0), chunk(1, samples=1600)]),
    (
        "after a seamless tail",
        SEAMLESS,
        [chunk(0, hello=SEAMLESS, tail=False), chunk(1, hello=SEAMLESS), chunk(2, hello=SEAMLESS)],
    ),
]


@pytest.mark.parametrize(("offered", "chunks"), [row[1:] for row in OUT_OF_PLACE], ids=[row[0] for row in OUT_OF_PLACE])
def test_chunks_out_of_place(offered: Hello, chunks: list[PackedChunk]) -> None:
    """Both sides let the chunks before pass and stop the last one; each blames whose fault it is."""
    sender, receiver = connected(offered)
    for sent in chunks[:-1]:
        sender.send(sent)
    with pytest.raises(LocalProtocolError):
        sender.send(chunks[-1])
    receiver.receive_data(sender.data_to_send())
    assert receiver.events() == chunks[:-1]
    with pytest.raises(RemoteProtocolError):
        receiver.receive_data(encode_chunk(chunks[-1], offered))


def test_a_live_sender_may_leave_chunks_out() -> None:
    """Gaps forward pass, at the end too."""
    sender, receiver = connected()
    for index in (3, 4, 9):
        sender.send(chunk(index))
    sender.send(end_of(12))
    pass_on(sender, receiver)
    assert [event.index for event in receiver.events() if isinstance(event, PackedChunk)] == [3, 4, 9]


def test_a_short_first_chunk_may_be_shorter_than_the_overlap() -> None:
    """A sound of ten samples is a stream too."""
    sender, receiver = connected()
    sender.send(chunk(0, samples=10))
    sender.send(End(1, 10, True))
    pass_on(sender, receiver)
    assert receiver.events() == [chunk(0, samples=10), End(1, 10, True)]


def test_a_resumed_stream_starts_where_the_receiver_stands() -> None:
    """Chunks below `next_chunk` are out of place, that one and later ones are not."""
    sender, receiver = connected(RESUMED, Accept(7, "bob", 20))
    with pytest.raises(LocalProtocolError):
        sender.send(chunk(6))
    sender.send(chunk(7))
    pass_on(sender, receiver)
    assert receiver.events() == [chunk(7)]


def test_a_new_stream_starts_at_nothing() -> None:
    """Nobody can accept a stream that is not resumed from elsewhere than its start."""
    sender, receiver = SenderProtocol(HELLO), ReceiverProtocol()
    pass_on(sender, receiver)
    with pytest.raises(LocalProtocolError):
        receiver.send(Accept(1, "bob", 20))
    with pytest.raises(RemoteProtocolError):
        sender.receive_data(encode_control(Accept(1, "bob", 20), DEFAULT_LIMITS))


@pytest.mark.parametrize(
    "end",
    [
        End(1, 16000, True),
        End(2, 30401, True),
        End(2, 30399, True),
        End(3, 30400, True),
        End(2, 0, True),
        End(0, 0, True),
    ],
    ids=str,
)
def test_an_end_that_does_not_count_what_was_sent(end: End) -> None:
    """END must count chunks and samples right; both sides check it."""
    sender, receiver = connected()
    sender.send(chunk(0))
    sender.send(chunk(1))
    with pytest.raises(LocalProtocolError):
        sender.send(end)
    receiver.receive_data(sender.data_to_send())
    with pytest.raises(RemoteProtocolError):
        receiver.receive_data(encode_control(end, DEFAULT_LIMITS))


def test_an_end_leaves_out_no_more_than_a_gap_may() -> None:
    """An hour of missing chunks may be followed by END; more may not, or a few bytes would fill a disk."""
    hop_samples = HELLO.chunk_samples - HELLO.overlap_samples
    most = DEFAULT_LIMITS.max_gap_s * HELLO.sample_rate // hop_samples
    for missing, error in ((most, None), (most + 1, RemoteProtocolError)):
        sender, receiver = connected()
        sender.send(chunk(0))
        pass_on(sender, receiver)
        frame = encode_control(end_of(1 + missing), DEFAULT_LIMITS)
        with pytest.raises(error, match="END leaves out") if error else contextlib.nullcontext():
            receiver.receive_data(frame)


@pytest.mark.parametrize("complete", [True, False])
def test_an_end_that_counts_right(complete: bool) -> None:
    """The plan's counts pass, for a sound that was stopped early too."""
    sender, receiver = connected()
    sender.send(chunk(0))
    sender.send(chunk(1))
    sender.send(end_of(2, complete=complete))
    pass_on(sender, receiver)
    assert receiver.events()[-1] == End(2, 30400, complete)


def test_acknowledgements_never_fall_nor_run_ahead() -> None:
    """A receiver can acknowledge what came, and not take it back; both sides check it."""
    sender, receiver = connected()
    for index in range(3):
        sender.send(chunk(index))
    pass_on(sender, receiver)
    receiver.send(feedback(acknowledged=2))
    for wrong in (1, 4):
        with pytest.raises(LocalProtocolError):
            receiver.send(feedback(acknowledged=wrong))
    for wrong in (1, 4):
        fresh, _ = connected()
        for index in range(3):
            fresh.send(chunk(index))
        fresh.receive_data(encode_control(feedback(acknowledged=2), DEFAULT_LIMITS))
        with pytest.raises(RemoteProtocolError):
            fresh.receive_data(encode_control(feedback(acknowledged=wrong), DEFAULT_LIMITS))


def test_a_gap_does_not_use_up_the_window() -> None:
    """The window counts chunks that were sent, not indexes that were left out."""
    sender, _ = connected(accept=msgspec.structs.replace(ACCEPT, window_chunks=2))
    sender.send(chunk(0))
    sender.send(chunk(50))
    assert sender.window_left == 0
    sender.receive_data(encode_control(feedback(acknowledged=1), DEFAULT_LIMITS))
    assert sender.window_left == 1
    sender.send(chunk(99))


def test_a_long_stream_holds_no_more_than_its_window() -> None:
    """Ten thousand chunks pass through a window of three."""
    sender, receiver = connected(accept=Accept(0, "bob", 3))
    for index in range(10_000):
        sender.send(silence(index))
        if not sender.window_left:
            pass_on(sender, receiver)
            receiver.events()
            receiver.send(feedback(acknowledged=index + 1))
            pass_on(sender, receiver)
            sender.events()
    assert sender.window_left == 2
