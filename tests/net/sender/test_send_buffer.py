import threading
from collections.abc import Callable
from functools import partial

import pytest

from codec.chunks.packed import PackedChunk
from net.protocol.messages import End
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.runtime.queues import PipelineStopped
from net.sender.send_buffer import Outgoing, SendBuffer
from tests.clock import FakeClock
from tests.conftest import WaitUntil

CHUNK_S = 0.3
END = End(chunks=4, samples=64000, complete=True)


def chunk(index: int) -> PackedChunk:
    return PackedChunk(
        index=index, samples=16000, num_streams=1, tail=True, silence_dbfs=None, capture_s=0.0, payload=b""
    )


def make_buffer(
    capacity: int = 10, in_flight: int = 10, clock: Clock = SYSTEM_CLOCK, *, drop_oldest: bool = False
) -> SendBuffer:
    return SendBuffer(capacity, in_flight, clock, drop_oldest=drop_oldest)


def taken(buffer: SendBuffer) -> int | None:
    """The index of the next chunk, None for END."""
    outgoing = buffer.next()
    assert outgoing is not None
    return outgoing.message.index if isinstance(outgoing.message, PackedChunk) else None


class WatchedCondition(threading.Condition):
    """Counts how often a wait found that it has to wait."""

    held_back = 0

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        def watched() -> bool:
            holds = predicate()
            self.held_back += not holds
            return holds

        return super().wait_for(watched, timeout)


def test_chunks_leave_in_order_and_the_end_comes_last() -> None:
    """`next` returns every chunk once, then END."""
    buffer = make_buffer()
    for index in range(3):
        buffer.put(chunk(index))
    buffer.finish(END)
    assert [taken(buffer) for _ in range(4)] == [0, 1, 2, None]
    assert buffer.stats()[1].depth == 3


def test_unacknowledged_chunks_are_bounded(wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender waits while the limit is in flight, and goes on with an acknowledgement."""
    buffer = make_buffer(in_flight=2)
    for index in range(3):
        buffer.put(chunk(index))
    assert [taken(buffer), taken(buffer)] == [0, 1]
    got: list[int | None] = []
    waiting = WatchedCondition()
    monkeypatch.setattr(buffer, "_changed", waiting)
    thread = threading.Thread(target=lambda: got.append(taken(buffer)))
    thread.start()
    wait_until(lambda: waiting.held_back)
    assert not got
    buffer.acknowledge(1)
    thread.join(5)
    assert got == [2]
    assert buffer.acknowledged == 1


def test_only_an_acknowledgement_that_is_waited_for_holds_up() -> None:
    """A source that rests holds nothing up; a full flight with more behind it does, and the end."""
    buffer = make_buffer(in_flight=1)
    buffer.put(chunk(0))
    buffer.next()
    assert not buffer.is_held_up
    buffer.put(chunk(1))
    assert buffer.is_held_up
    buffer.acknowledge(1)
    assert not buffer.is_held_up
    buffer.next()
    buffer.finish(END)
    assert buffer.is_held_up


def test_a_rewind_sends_again_what_was_not_acknowledged() -> None:
    """After a reconnection the receiver's next chunk comes first, marked as sent again; new ones follow."""
    buffer = make_buffer()
    for index in range(4):
        buffer.put(chunk(index))
    for _ in range(3):
        buffer.next()
    buffer.interrupt()
    assert buffer.next() is None
    buffer.rewind(1, 10)
    outgoing = [buffer.next() for _ in range(3)]
    assert [(item.message, item.resent) for item in outgoing if item] == [
        (chunk(1), True),
        (chunk(2), True),
        (chunk(3), False),
    ]


def test_the_encoder_waits_while_the_buffer_is_full(wait_until: WaitUntil) -> None:
    """Back-pressure: `put` blocks at the capacity, and nothing is lost."""
    buffer = make_buffer(2)
    thread = threading.Thread(target=lambda: [buffer.put(chunk(index)) for index in range(3)] and None)
    thread.start()
    wait_until(lambda: buffer.stats()[0].depth == 2)
    assert thread.is_alive()
    assert taken(buffer) == 0
    thread.join(5)
    assert buffer.stats()[0].depth == 2


def test_a_live_buffer_drops_the_oldest_waiting_chunk() -> None:
    """Live sound never waits: the oldest chunk that was not sent yet goes, and is counted."""
    buffer = make_buffer(2, drop_oldest=True)
    for index in range(4):
        buffer.put(chunk(index))
    assert [taken(buffer), taken(buffer)] == [2, 3]
    assert buffer.stats()[0].dropped == 2


@pytest.mark.parametrize("sent", [2, 3, 8])
def test_a_live_buffer_never_blocks_after_a_rewind(sent: int) -> None:
    """A rewind may put back more than the capacity: the oldest of them go, counted, and the newest chunk has room."""
    buffer = make_buffer(2, drop_oldest=True)
    for index in range(sent):
        buffer.put(chunk(index))
        buffer.next()
    buffer.rewind(0, 10)
    thread = threading.Thread(target=partial(buffer.put, chunk(sent)), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert buffer.stats()[0].dropped == sent - 1
    assert [taken(buffer), taken(buffer)] == [sent - 1, sent]


def test_a_live_buffer_drops_nothing_that_is_in_flight() -> None:
    """What was sent on this connection waits for its acknowledgement, however much is dropped behind it."""
    buffer = make_buffer(2, in_flight=2, drop_oldest=True)
    for index in range(8):
        buffer.put(chunk(index))
        if index < 2:
            buffer.next()
    assert buffer.stats()[0].dropped == 4
    buffer.rewind(0, 10)
    assert [taken(buffer), taken(buffer)] == [0, 1]
    buffer.acknowledge(2)
    assert [taken(buffer), taken(buffer)] == [6, 7]


def test_a_buffer_of_a_file_drops_nothing_after_a_rewind(wait_until: WaitUntil) -> None:
    """It waits until there is room again."""
    buffer = make_buffer(2)
    for index in range(4):
        buffer.put(chunk(index))
        buffer.next()
    buffer.rewind(0, 10)
    thread = threading.Thread(target=partial(buffer.put, chunk(4)))
    thread.start()
    assert [taken(buffer) for _ in range(3)] == [0, 1, 2]
    wait_until(lambda: buffer.stats()[0].depth == 2)
    thread.join(5)
    assert [taken(buffer), taken(buffer)] == [3, 4]


def test_abort_wakes_both_sides() -> None:
    """Neither side outlives an abort."""
    buffer = make_buffer(1, 1)
    buffer.put(chunk(0))
    buffer.abort()
    with pytest.raises(PipelineStopped):
        buffer.put(chunk(1))
    with pytest.raises(PipelineStopped):
        buffer.next()


def test_the_end_is_announced_again_after_a_rewind() -> None:
    """END is sent on every connection: the first one may have been lost."""
    buffer = make_buffer()
    buffer.put(chunk(0))
    buffer.finish(END)
    assert [taken(buffer), taken(buffer)] == [0, None]
    buffer.rewind(1, 10)
    assert buffer.next() == Outgoing(END)


def test_what_a_rewind_has_put_back_can_still_be_acknowledged() -> None:
    """A connection that breaks before anything is sent again must not send what the next receiver has."""
    buffer = make_buffer()
    for index in range(3):
        buffer.put(chunk(index))
        buffer.next()
    buffer.rewind(0, 10)
    buffer.interrupt()
    buffer.rewind(2, 10)
    assert taken(buffer) == 2
    assert buffer.acknowledged == 2


def test_what_the_receiver_has_is_not_taken_in() -> None:
    """A resumed sender may begin below what the receiver names at the next connection: that need not be sent."""
    buffer = make_buffer()
    buffer.rewind(2, 10)
    for index in range(4):
        buffer.put(chunk(index))
    assert [taken(buffer), taken(buffer)] == [2, 3]
    assert buffer.acknowledged == 2


def test_a_bound_of_the_senders_own_wakes_a_waiting_sender(wait_until: WaitUntil) -> None:
    """The lower of both limits holds, and a bound that is lifted lets the next chunk go at once."""
    buffer = make_buffer()
    buffer.bound_in_flight(1)
    for index in range(2):
        buffer.put(chunk(index))
    assert taken(buffer) == 0
    got: list[int | None] = []
    thread = threading.Thread(target=lambda: got.append(taken(buffer)))
    thread.start()
    buffer.bound_in_flight(2)
    wait_until(lambda: got == [1])
    thread.join(5)


def acknowledged_buffer(clock: FakeClock, delay_s: float, count: int = 10) -> SendBuffer:
    """A buffer after `count` chunks of 100 bytes, each acknowledged `delay_s` after the next one was put."""
    buffer = make_buffer(1000, 1000, clock)
    buffer.begin_stream(CHUNK_S, history_chunks=1)
    deliver(buffer, clock, delay_s, range(count))
    return buffer


def deliver(buffer: SendBuffer, clock: FakeClock, delay_s: float, indexes: range) -> None:
    for index in indexes:
        buffer.put(chunk(index))
        buffer.next()
        buffer.mark_sent(index, 100)
        clock.advance(delay_s)
        buffer.acknowledge(index)
        clock.advance(CHUNK_S - delay_s)


def test_the_delay_counts_from_the_chunk_that_lets_the_receiver_acknowledge(clock: FakeClock) -> None:
    """However long the way is, a chunk is due only when its successor is there."""
    delivery = acknowledged_buffer(clock, 0.2).delivery()
    assert delivery.shortest_delay_s == pytest.approx(0.2)
    assert delivery.due_age_s is None


def test_the_age_is_that_of_the_oldest_chunk_that_could_be_acknowledged(clock: FakeClock) -> None:
    """A chunk whose successor waits is late; an acknowledgement of all ends that."""
    buffer = acknowledged_buffer(clock, 0.2)
    for index in range(10, 14):
        buffer.put(chunk(index))
        clock.advance(CHUNK_S)
    assert buffer.delivery().due_age_s == pytest.approx(4 * CHUNK_S)
    buffer.acknowledge(13)
    assert buffer.delivery().due_age_s is None


def test_the_delays_count_anew_after_a_rest_of_the_source(clock: FakeClock) -> None:
    """The last chunks before a pause cannot be acknowledged: that is no fault of the link."""
    buffer = acknowledged_buffer(clock, 0.2)
    clock.advance(60)
    buffer.put(chunk(10))
    assert buffer.delivery().due_age_s == 0.0


def test_what_was_delivered_lately_is_counted_in_bits_a_second(clock: FakeClock) -> None:
    """100 bytes each 0.3 s are 2.7 kbps; when nothing comes any more, 0."""
    buffer = acknowledged_buffer(clock, 0.2)
    assert buffer.delivery().bps == pytest.approx(100 * 8 / CHUNK_S, rel=0.25)
    assert buffer.delivery().chunks_per_s == pytest.approx(1 / CHUNK_S, rel=0.25)
    clock.advance(10)
    assert (buffer.delivery().bps, buffer.delivery().chunks_per_s) == (0.0, 0.0)


def test_dropped_chunks_are_not_delivered(clock: FakeClock) -> None:
    """What was never sent says nothing of the link, even if the receiver has gone past it."""
    buffer = make_buffer(2, 10, clock, drop_oldest=True)
    for index in range(6):
        buffer.put(chunk(index))
    buffer.acknowledge(6)
    assert buffer.delivery().bps == 0.0
    assert buffer.delivery().shortest_delay_s is None


def test_a_delay_that_grows_for_good_is_learnt(clock: FakeClock) -> None:
    """After a minute on a longer way the short delays of before are forgotten."""
    buffer = acknowledged_buffer(clock, 0.05)
    assert not buffer.delivery().settled
    deliver(buffer, clock, 0.25, range(10, 300))
    assert buffer.delivery().settled
    assert buffer.delivery().shortest_delay_s == pytest.approx(0.25)
