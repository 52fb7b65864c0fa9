"""Fewer streams when the link is behind, more when it is calm: on a clock that the tests own."""

import itertools

import pytest

from net.sender.delay_estimate import DelayEstimate, RoundTrips
from net.sender.rate_policy import FIRST_WAIT_S, LONGEST_WAIT_S, RatePolicy
from tests.clock import FakeClock

CHUNK_S = 0.3


def run(controller: RatePolicy, clock: FakeClock, duration_s: float, behind_s: float, carried: int = 6) -> list[int]:
    """The streams of each chunk of so much time."""
    streams = []
    for _ in range(round(duration_s / CHUNK_S)):
        clock.advance(CHUNK_S)
        streams.append(controller.update(behind_s, carried))
    return streams


def test_a_calm_link_keeps_all_streams(clock: FakeClock) -> None:
    """Small delays are noise."""
    controller = RatePolicy(6, clock)
    assert set(run(controller, clock, 60, 0.25)) == {6}


def test_a_link_that_falls_behind_gets_half_and_half_again(clock: FakeClock) -> None:
    """6, 3, 1: the way down takes two chunks, and 1 is the end."""
    controller = RatePolicy(6, clock)
    assert run(controller, clock, 0.9, 0.6) == [3, 1, 1]


def test_a_link_gets_no_more_than_it_has_carried(clock: FakeClock) -> None:
    """What was acknowledged lately says how many streams to use at once."""
    controller = RatePolicy(6, clock)
    assert run(controller, clock, 0.3, 0.6, carried=2) == [2]


def test_streams_never_fall_below_what_the_receiver_asks_for(clock: FakeClock) -> None:
    """Nor rise above what the sender's user chose, even where the receiver asks for more."""
    controller = RatePolicy(6, clock)
    controller.least = 2
    assert run(controller, clock, 3, 9.0, carried=0)[-1] == 2
    controller.most, controller.least = 3, 5
    assert set(run(controller, clock, 60, 0.0)) == {3}


def test_streams_come_back_one_by_one(clock: FakeClock) -> None:
    """Each needs a while of calm of its own."""
    controller = RatePolicy(6, clock)
    run(controller, clock, 3, 0.6)
    streams = run(controller, clock, 6 * FIRST_WAIT_S + 1, 0.0)
    assert sorted(set(streams)) == [1, 2, 3, 4, 5, 6]
    assert streams == sorted(streams)


def test_between_calm_and_behind_nothing_changes(clock: FakeClock) -> None:
    """The two thresholds keep a link at its edge from swinging."""
    controller = RatePolicy(6, clock)
    run(controller, clock, 0.3, 0.6)
    assert set(run(controller, clock, 60, 0.4)) == {3}


def test_a_step_up_that_fails_is_tried_again_later_each_time(clock: FakeClock) -> None:
    """On a link that carries 3 of 6 streams, the fourth is tried ever more seldom, and at least once in a while."""
    controller = RatePolicy(6, clock)
    tries: list[float] = []
    for _ in range(round(600 / CHUNK_S)):
        clock.advance(CHUNK_S)
        before = controller.num_streams
        after = controller.update(0.6 if before > 3 else 0.0, 3)
        if before < after == 4:
            tries.append(clock.now_s)
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert waits == sorted(waits)
    assert waits[0] < waits[1] < waits[2] < waits[-1]
    assert waits[-1] == pytest.approx(LONGEST_WAIT_S, abs=4)


def test_a_link_that_opens_again_gets_all_streams_soon(clock: FakeClock) -> None:
    """What failed once or twice is remembered only for the number of streams that failed."""
    controller = RatePolicy(6, clock)
    for _ in range(round(8 / CHUNK_S)):
        clock.advance(CHUNK_S)
        controller.update(0.6 if controller.num_streams > 1 else 0.0, 1)
    streams = run(controller, clock, 6 * FIRST_WAIT_S + 4, 0.0)
    assert streams[-1] == 6


def test_a_link_that_looks_slow_begins_with_half(clock: FakeClock) -> None:
    """Rather climb to what it carries than begin with what it cannot."""
    controller = RatePolicy(5, clock)
    assert controller.begin_low() == 3
    assert run(controller, clock, 2 * FIRST_WAIT_S + 2, 0.0)[-1] == 5


def acknowledged_backlog(clock: FakeClock, delay_s: float, count: int = 10) -> DelayEstimate:
    """A backlog after `count` chunks, each acknowledged `delay_s` after the next one was queued."""
    backlog = DelayEstimate(CHUNK_S, clock)
    for index in range(count):
        backlog.put(index)
        backlog.rested()
        backlog.sent(index, 100)
        clock.advance(delay_s)
        backlog.acknowledge(index)
        clock.advance(CHUNK_S - delay_s)
    return backlog


def test_the_usual_delay_is_no_backlog(clock: FakeClock) -> None:
    """However long the way is, only what is beyond the shortest delay counts."""
    backlog = acknowledged_backlog(clock, 0.2)
    assert backlog.usual_s == pytest.approx(0.2)
    assert backlog.behind_s == 0.0


def test_the_backlog_is_the_age_of_the_oldest_chunk_that_could_be_acknowledged(clock: FakeClock) -> None:
    """A chunk whose successor waits for its acknowledgement longer than usual is late."""
    backlog = acknowledged_backlog(clock, 0.2)
    for index in range(10, 14):
        backlog.put(index)
        backlog.rested()
        clock.advance(CHUNK_S)
    assert backlog.behind_s == pytest.approx(4 * CHUNK_S - 0.2)
    backlog.acknowledge(13)
    assert backlog.behind_s == 0.0


def test_a_source_that_rests_leaves_no_backlog(clock: FakeClock) -> None:
    """The last chunks before a pause cannot be acknowledged: that is no fault of the link."""
    backlog = acknowledged_backlog(clock, 0.2)
    clock.advance(60)
    backlog.put(10)
    assert backlog.behind_s == 0.0


def test_what_was_delivered_lately_is_counted_in_bits_a_second(clock: FakeClock) -> None:
    """100 bytes each 0.3 s are 2.7 kbps; when nothing comes any more, 0."""
    backlog = acknowledged_backlog(clock, 0.2)
    assert backlog.delivered_bps == pytest.approx(100 * 8 / CHUNK_S, rel=0.25)
    clock.advance(10)
    assert backlog.delivered_bps == 0.0


def test_a_usual_delay_that_grows_for_good_is_learnt(clock: FakeClock) -> None:
    """After a minute on a longer way that way is the usual one."""
    backlog = acknowledged_backlog(clock, 0.05)
    for index in range(10, 300):
        backlog.put(index)
        backlog.rested()
        backlog.sent(index, 100)
        clock.advance(0.25)
        backlog.acknowledge(index)
        clock.advance(CHUNK_S - 0.25)
    assert backlog.usual_s == pytest.approx(0.25)


def test_a_grown_round_trip_counts_once() -> None:
    """A receiver tells the same measurement again and again; it says something only when it is new."""
    trips = RoundTrips()
    assert [trips.grown_s(ms) for ms in (20.0, 20.0, 620.0, 620.0, None, 20.0)] == pytest.approx([0, 0, 0.6, 0, 0, 0])


def test_a_long_way_is_no_backlog_from_the_start(clock: FakeClock) -> None:
    """What may be usual in the first half minute is the more, the longer the link's round trip takes."""
    backlog = acknowledged_backlog(clock, DelayEstimate.FIRST_USUAL_S + 0.1)
    assert backlog.usual_s == pytest.approx(DelayEstimate.FIRST_USUAL_S)
    backlog.round_trip_s = 0.1
    assert backlog.usual_s == pytest.approx(DelayEstimate.FIRST_USUAL_S + 0.1)
