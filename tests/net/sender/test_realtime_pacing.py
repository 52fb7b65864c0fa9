import threading

import pytest

from net.sender.realtime_pacing import RealTimePacer
from tests.clock import FakeClock

NEVER = threading.Event()


def test_a_chunk_is_due_when_its_last_sample_would_have_been_spoken(clock: FakeClock) -> None:
    """The hop paces, not the chunk: ten chunks of 1 s that overlap by 0.1 s take 9.1 s, not 10 s."""
    pacer = RealTimePacer(16000, clock)
    start_s = clock.now_s
    for index in range(10):
        pacer.wait_for(index * 14400 + 16000, NEVER)
    assert clock.now_s - start_s == pytest.approx(9 * 0.9 + 1.0)


def test_time_spent_elsewhere_is_not_waited_again(clock: FakeClock) -> None:
    """Due times count from the start, so delays do not add up."""
    pacer = RealTimePacer(16000, clock)
    start_s = clock.now_s
    for end in range(1600, 16001, 1600):
        pacer.wait_for(end, NEVER)
        clock.advance(0.05)
    assert clock.now_s - start_s == pytest.approx(1.05)


def test_a_pause_shifts_what_is_still_to_come(clock: FakeClock) -> None:
    """After a pause the sound goes on where it was, with no burst."""
    pacer = RealTimePacer(16000, clock)
    start_s = clock.now_s
    pacer.wait_for(16000, NEVER)
    clock.advance(5.0)
    pacer.delay(5.0)
    pacer.wait_for(32000, NEVER)
    assert clock.now_s - start_s == pytest.approx(7.0)
