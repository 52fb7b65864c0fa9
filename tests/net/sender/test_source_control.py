"""What reading waits for, on a clock that the tests own."""

import threading

import pytest

from net.runtime.queues import PipelineStopped
from net.sender.source_control import SourceControl
from tests.clock import FakeClock


def test_a_chunk_is_due_when_its_last_sample_would_have_been_spoken(clock: FakeClock) -> None:
    """The hop paces, not the chunk: ten chunks of 1 s that overlap by 0.1 s take 9.1 s, not 10 s."""
    control, start_s = SourceControl(clock, realtime=True), clock.now_s
    for index in range(10):
        control.await_turn(index * 0.9 + 1.0)
    assert clock.now_s - start_s == pytest.approx(9 * 0.9 + 1.0)


def test_time_spent_elsewhere_is_not_waited_again(clock: FakeClock) -> None:
    """Due times count from the start, so delays do not add up."""
    control, start_s = SourceControl(clock, realtime=True), clock.now_s
    for tenth in range(1, 11):
        control.await_turn(tenth / 10)
        clock.advance(0.05)
    assert clock.now_s - start_s == pytest.approx(1.05)


def test_without_real_time_there_is_nothing_to_wait_for(clock: FakeClock) -> None:
    """A file is read as fast as it is taken."""
    control, start_s = SourceControl(clock), clock.now_s
    control.await_turn(1000.0)
    assert clock.now_s == start_s


def test_a_pause_shifts_what_is_still_to_come(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause the sound goes on where it was, with no burst."""
    control, start_s = SourceControl(clock, realtime=True), clock.now_s
    control.await_turn(1.0)
    control.set_paused(True)
    resting, wait = threading.Event(), control._running.wait
    monkeypatch.setattr(control._running, "wait", lambda: resting.set() or wait())
    thread = threading.Thread(target=control.await_turn, args=(2.0,))
    thread.start()
    assert resting.wait(5)
    assert clock.now_s == start_s + 1.0
    clock.advance(5.0)
    control.set_paused(False)
    thread.join(5)
    assert clock.now_s - start_s == pytest.approx(7.0)


def test_stopping_ends_every_wait(clock: FakeClock) -> None:
    """Also that for a receiver, which then has not accepted; one that has accepted still counts."""
    control = SourceControl(clock, realtime=True)
    control.set_paused(True)
    control.stop()
    control.await_turn(1000.0)
    assert clock.now_s == FakeClock().now_s
    with pytest.raises(PipelineStopped):
        control.await_accepted()
    control.accept(3)
    control.accept(5)
    assert (control.accepted, control.await_accepted()) == (True, 3)
