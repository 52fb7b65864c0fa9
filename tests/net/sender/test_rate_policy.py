"""The rate policy alone: reports of the link in, streams and chunks in flight out."""

import itertools
from dataclasses import dataclass, replace

import pytest

from net.sender.rate_policy import (
    FIRST_USUAL_S,
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    AdaptiveStreams,
    RatePolicy,
    StreamShape,
)
from net.sender.send_buffer import Delivery

CHUNK_S = 0.3
SHAPE = StreamShape(hop_s=CHUNK_S, history_chunks=1, stream_bps=1500)
CALM = Delivery(due_age_s=0.2, shortest_delay_s=0.2, bps=9000, chunks_per_s=1 / CHUNK_S)
"""A link that carries 6 streams, each chunk in 0.2 s."""


def late_by(behind_s: float, carried: int = 6) -> Delivery:
    return replace(CALM, due_age_s=0.2 + behind_s, bps=carried * 1500)


@dataclass
class Step:
    """What the policy is told at one moment, and what it has to decide."""

    now_s: float
    delivery: Delivery
    streams: int
    in_flight: int | None = 4
    round_trip_ms: float | None = None
    min_streams: int = 1


TABLE = {
    "a calm link keeps all streams": [Step(now_s, CALM, 6) for now_s in range(60)],
    "what is within the noise is calm": [Step(now_s, late_by(0.25), 6) for now_s in range(60)],
    "half, and half again, 1 is the end": [
        Step(0.3, late_by(0.6), 3),
        Step(0.6, late_by(0.6), 1),
        Step(0.9, late_by(9.0), 1),
    ],
    "no more than the link has carried": [Step(0.3, late_by(0.6, carried=2), 2)],
    "no step down right behind another": [Step(0.3, late_by(0.6), 3), Step(0.5, late_by(0.6), 3)],
    "the receiver's minimum holds": [Step(0.3, late_by(9.0, carried=0), 2, min_streams=2)],
    "a minimum beyond what was chosen is no order": [Step(0.3, CALM, 6, min_streams=9)],
    "nothing known is no calm": [
        Step(0.3, late_by(0.6), 3),
        *(Step(now_s, Delivery(), 3, in_flight=3) for now_s in range(1, 30)),
    ],
    "nothing acknowledged for long is late": [
        Step(0.3, Delivery(due_age_s=FIRST_USUAL_S + 0.4), 6, in_flight=3),
        Step(0.6, Delivery(due_age_s=FIRST_USUAL_S + 0.6), 1, in_flight=3),
    ],
    "a grown round trip counts once": [
        Step(0.3, CALM, 6, round_trip_ms=20.0),
        Step(0.6, CALM, 3, round_trip_ms=620.0),
        *(Step(0.6 + wait_s, CALM, 3, round_trip_ms=620.0) for wait_s in (0.3, 0.6, 0.9)),
    ],
    "what the link delivers may be in flight, so that it catches up": [
        Step(0.3, replace(CALM, chunks_per_s=20.0), 6, in_flight=14),
    ],
    "the first delays are usual up to a limit": [
        Step(0.3, replace(CALM, shortest_delay_s=2.0, due_age_s=2.0), 3, in_flight=4),
        Step(0.6, replace(CALM, shortest_delay_s=2.0, due_age_s=2.0, settled=True), 3, in_flight=11),
    ],
}


@pytest.mark.parametrize("steps", TABLE.values(), ids=TABLE.keys())
def test_decisions_of_an_adaptive_stream(steps: list[Step]) -> None:
    """Each report in its turn leads to the streams and the chunks in flight that the table names."""
    policy = RatePolicy(SHAPE, 6, 0.0, adaptive=True, timely=True)
    for step in steps:
        rate = policy.update(step.now_s, step.delivery, step.round_trip_ms, step.min_streams)
        assert (rate.num_streams, rate.in_flight_chunks) == (step.streams, step.in_flight), step


@pytest.mark.parametrize(("timely", "in_flight"), [(False, None), (True, 9)])
def test_what_does_not_adapt_keeps_what_was_chosen(timely: bool, in_flight: int | None) -> None:
    """However late the link is; only live sound bounds what is in flight, and more widely than what adapts."""
    policy = RatePolicy(SHAPE, 6, 0.0, adaptive=False, timely=timely)
    rate = policy.update(0.3, late_by(9.0))
    assert (rate.num_streams, rate.in_flight_chunks, rate.behind_s) == (6, in_flight, pytest.approx(9.0))
    policy.choose(2)
    assert policy.num_streams == 2


@pytest.mark.parametrize(
    ("answer_s", "connect_s", "streams", "in_flight"), [(1.5, 1.0, 3, 6), (1.2, 1.0, 6, 6), (0.5, 0.0, 3, 3)]
)
def test_a_slow_answer_halves_the_streams(answer_s: float, connect_s: float, streams: int, in_flight: int) -> None:
    """Where it took longer than the way there and back; that way itself may hold chunks in flight."""
    policy = RatePolicy(SHAPE, 6, 0.0, adaptive=True, timely=True)
    policy.update(0.0, Delivery(), round_trip_ms=5000.0)
    policy.begin_connection(answer_s, connect_s)
    assert (policy.num_streams, policy.in_flight_chunks(Delivery())) == (streams, in_flight)


def test_a_lost_packet_costs_one_stream_on_a_long_way() -> None:
    """Being late by two round trips beyond the limit says little of what the link carries; more says it all."""
    policy = RatePolicy(SHAPE, 6, 0.0, adaptive=True, timely=True)
    policy.begin_connection(0.5, 0.5)
    policy.update(0.3, CALM, round_trip_ms=500.0)
    assert policy.update(2.0, late_by(1.4)).num_streams == 5
    assert policy.update(2.3, late_by(1.6)).num_streams == 2


def test_a_person_may_choose_fewer_and_more() -> None:
    """Where the link carries all, all of the new choice; where it does not, no more than it carries."""
    policy = RatePolicy(SHAPE, 6, 0.0, adaptive=True, timely=True)
    policy.choose(4)
    assert policy.num_streams == 4
    policy.choose(6)
    assert policy.num_streams == 6
    policy.update(0.3, late_by(0.6))
    policy.choose(2)
    assert policy.num_streams == 2


def run(adaptive: AdaptiveStreams, start_s: float, duration_s: float, behind_s: float, carried: int = 6) -> list[int]:
    """The streams of each chunk of so much time."""
    times_s = [start_s + CHUNK_S * (count + 1) for count in range(round(duration_s / CHUNK_S))]
    return [adaptive.update(now_s, behind_s, carried) for now_s in times_s]


def test_streams_never_fall_below_what_the_receiver_asks_for() -> None:
    """Nor rise above what the sender's user chose, even where the receiver asks for more."""
    adaptive = AdaptiveStreams(6, 0.0)
    adaptive.limit(2, 6)
    assert run(adaptive, 0, 3, 9.0, carried=0)[-1] == 2
    adaptive.limit(5, 3)
    assert set(run(adaptive, 3, 60, 0.0)) == {3}


def test_streams_come_back_one_by_one() -> None:
    """Each needs a while of calm of its own."""
    adaptive = AdaptiveStreams(6, 0.0)
    run(adaptive, 0, 3, 0.6)
    streams = run(adaptive, 3, 6 * FIRST_WAIT_S + 1, 0.0)
    assert sorted(set(streams)) == [1, 2, 3, 4, 5, 6]
    assert streams == sorted(streams)


def test_between_calm_and_behind_nothing_changes() -> None:
    """The two thresholds keep a link at its edge from swinging."""
    adaptive = AdaptiveStreams(6, 0.0)
    run(adaptive, 0, 0.3, 0.6)
    assert set(run(adaptive, 0.3, 60, 0.4)) == {3}


def test_a_step_up_that_fails_is_tried_again_later_each_time() -> None:
    """On a link that carries 3 of 6 streams, the fourth is tried ever more seldom, and at least once in a while."""
    adaptive = AdaptiveStreams(6, 0.0)
    tries: list[float] = []
    for count in range(1, round(600 / CHUNK_S)):
        before = adaptive.num_streams
        after = adaptive.update(count * CHUNK_S, 0.6 if before > 3 else 0.0, 3)
        if before < after == 4:
            tries.append(count * CHUNK_S)
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert all(later > earlier - 2 * CHUNK_S for earlier, later in itertools.pairwise(waits))
    assert waits[0] < waits[1] < waits[2] < waits[-1]
    assert waits[-1] == pytest.approx(LONGEST_WAIT_S, abs=4)


def test_a_link_that_opens_again_gets_all_streams_soon() -> None:
    """What failed once or twice is remembered only for the number of streams that failed."""
    adaptive = AdaptiveStreams(6, 0.0)
    for count in range(1, round(8 / CHUNK_S)):
        adaptive.update(count * CHUNK_S, 0.6 if adaptive.num_streams > 1 else 0.0, 1)
    assert run(adaptive, 8, 6 * FIRST_WAIT_S + 4, 0.0)[-1] == 6


def test_a_link_that_looks_slow_begins_with_half() -> None:
    """Rather climb to what it carries than begin with what it cannot."""
    adaptive = AdaptiveStreams(5, 0.0)
    adaptive.begin_low()
    assert adaptive.num_streams == 3
    assert run(adaptive, 0, 2 * FIRST_WAIT_S + 2, 0.0)[-1] == 5
