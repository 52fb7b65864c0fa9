import threading

import pytest

from codec.chunks.packed import PackedChunk
from net.runtime.queues import PipelineStopped
from net.sender.send_buffer import Outgoing, SendBuffer
from tests.conftest import WaitUntil


def chunk(index: int) -> PackedChunk:
    return PackedChunk(
        index=index, samples=16000, num_streams=1, tail=True, silence_dbfs=None, capture_s=0.0, payload=b""
    )


def taken(window: SendBuffer) -> int | None:
    outgoing = window.take()
    assert outgoing is not None
    return None if outgoing.chunk is None else outgoing.chunk.index


def test_chunks_leave_in_order_and_the_end_comes_last() -> None:
    """`take` gives every chunk once, then says that END is due."""
    window = SendBuffer(10, 10)
    for index in range(3):
        window.put(chunk(index))
    window.finish()
    assert [taken(window) for _ in range(4)] == [0, 1, 2, None]
    assert window.in_flight == 3


def test_unacknowledged_chunks_are_bounded(wait_until: WaitUntil) -> None:
    """The sender waits while the limit is in flight, and goes on with an acknowledgement."""
    window = SendBuffer(10, 2)
    for index in range(3):
        window.put(chunk(index))
    assert [taken(window), taken(window)] == [0, 1]
    got: list[int | None] = []
    thread = threading.Thread(target=lambda: got.append(taken(window)))
    thread.start()
    assert not got
    window.acknowledge(1)
    wait_until(lambda: got == [2])
    thread.join(5)
    assert window.acknowledged == 1


def test_only_an_acknowledgement_that_is_waited_for_holds_up() -> None:
    """A source that rests holds nothing up; a full flight with more behind it does, and the end."""
    window = SendBuffer(10, 1)
    window.put(chunk(0))
    window.take()
    assert not window.is_held_up
    window.put(chunk(1))
    assert window.is_held_up
    window.acknowledge(1)
    assert not window.is_held_up
    window.take()
    window.finish()
    assert window.is_held_up


def test_a_rewind_sends_again_what_was_not_acknowledged() -> None:
    """After a reconnection the receiver's next chunk comes first, marked as sent again; new ones follow."""
    window = SendBuffer(10, 10)
    for index in range(4):
        window.put(chunk(index))
    for _ in range(3):
        window.take()
    window.interrupt()
    assert window.take() is None
    window.rewind(1)
    outgoing = [window.take() for _ in range(3)]
    assert [(item.chunk.index, item.resent) for item in outgoing if item and item.chunk] == [
        (1, True),
        (2, True),
        (3, False),
    ]


def test_the_encoder_waits_while_the_window_is_full(wait_until: WaitUntil) -> None:
    """Back-pressure: `put` blocks at the capacity, and nothing is lost."""
    window = SendBuffer(2, 10)
    thread = threading.Thread(target=lambda: [window.put(chunk(index)) for index in range(3)] and None)
    thread.start()
    wait_until(lambda: window.stats()[0].depth == 2)
    assert thread.is_alive()
    assert taken(window) == 0
    thread.join(5)
    assert window.stats()[0].depth == 2


def test_a_live_window_drops_the_oldest_waiting_chunk() -> None:
    """Live sound never waits: the oldest chunk that was not sent yet goes, and is counted."""
    window = SendBuffer(2, 10, drop_oldest=True)
    for index in range(4):
        window.put(chunk(index))
    assert [taken(window), taken(window)] == [2, 3]
    assert window.stats()[0].dropped == 2


def test_abort_wakes_both_sides() -> None:
    """Neither side outlives an abort."""
    window = SendBuffer(1, 1)
    window.put(chunk(0))
    window.abort()
    with pytest.raises(PipelineStopped):
        window.put(chunk(1))
    with pytest.raises(PipelineStopped):
        window.take()


def test_the_end_is_announced_again_after_a_rewind() -> None:
    """END is sent on every connection: the first one may have been lost."""
    window = SendBuffer(10, 10)
    window.put(chunk(0))
    window.finish()
    assert [taken(window), taken(window)] == [0, None]
    window.rewind(1)
    assert window.take() == Outgoing(None)


def test_what_a_rewind_has_put_back_can_still_be_acknowledged() -> None:
    """A connection that breaks before anything is sent again must not send what the next receiver has."""
    window = SendBuffer(10, 10)
    for index in range(3):
        window.put(chunk(index))
        window.take()
    window.rewind(0)
    window.interrupt()
    window.rewind(2)
    assert taken(window) == 2
    assert window.acknowledged == 2


def test_what_the_receiver_has_is_not_taken_in() -> None:
    """A resumed sender may begin below what the receiver names at the next connection: that need not be sent."""
    window = SendBuffer(10, 10)
    window.rewind(2)
    for index in range(4):
        window.put(chunk(index))
    assert [taken(window), taken(window)] == [2, 3]
    assert window.acknowledged == 2
