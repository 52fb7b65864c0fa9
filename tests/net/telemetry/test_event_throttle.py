from collections.abc import Callable

import pytest

from net.telemetry.event_throttle import MAX_KINDS, REPORT_EVERY_S, EventThrottle
from net.telemetry.events import EventLog
from net.telemetry.stats import Severity
from tests.clock import FakeClock


@pytest.fixture
def events(clock: FakeClock) -> EventLog:
    return EventLog(clock)


@pytest.fixture
def happen(clock: FakeClock, events: EventLog) -> Callable[..., None]:
    throttle = EventThrottle(events, clock)

    def again(text: str, whom: str = "10.0.0.1", *, wait_s: float = 0.0) -> None:
        throttle.add(Severity.WARNING, "broken", whom, text)
        clock.advance(wait_s)
        throttle.poll()

    return again


def texts(events: EventLog) -> list[str]:
    return [event.text for event in events.since(0)]


def test_the_first_is_told_at_once_and_the_rest_is_counted(events: EventLog, happen: Callable[..., None]) -> None:
    """A thousand broken connections make two lines, the second with their number and the newest one's text."""
    for number in range(1000):
        happen(f"connection {number} is broken")
    assert texts(events) == ["connection 0 is broken"]
    happen("one more", wait_s=REPORT_EVERY_S)
    assert texts(events)[1:] == ["one more (1000 times more)"]


def test_a_single_repetition_is_told_in_its_own_words(events: EventLog, happen: Callable[..., None]) -> None:
    """Nothing is lost by waiting for more."""
    happen("first")
    happen("second", wait_s=REPORT_EVERY_S)
    assert texts(events) == ["first", "second"]


def test_others_are_told_by_themselves(events: EventLog, happen: Callable[..., None]) -> None:
    """What one peer does hides nothing that another does, up to a number of peers."""
    for number in range(2 * MAX_KINDS):
        happen(f"peer {number}", f"10.0.0.{number}")
    assert len(texts(events)) == MAX_KINDS + 1


def test_after_a_rest_it_is_told_at_once_again(clock: FakeClock, events: EventLog) -> None:
    """A peer that was quiet for a while is news again."""
    throttle = EventThrottle(events, clock)
    for _ in range(2):
        throttle.add(Severity.INFO, "gone", "10.0.0.1", "gone")
        clock.advance(REPORT_EVERY_S)
        throttle.poll()
    assert texts(events) == ["gone", "gone"]


def test_at_the_end_all_is_told(clock: FakeClock, events: EventLog) -> None:
    """What was counted and not yet due is not swallowed."""
    throttle = EventThrottle(events, clock)
    for _ in range(3):
        throttle.add(Severity.INFO, "gone", "10.0.0.1", "gone")
    throttle.poll(at_once=True)
    assert texts(events) == ["gone", "gone (2 times more)"]
