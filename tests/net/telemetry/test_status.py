import logging

import pytest

from net.telemetry.stats import LinkState, Role
from net.telemetry.status import TRANSITIONS, StreamStatus
from tests.clock import FakeClock
from tests.net.contexts import sender_context

PATHS = {
    LinkState.CONNECTING: [],
    LinkState.STREAMING: [LinkState.STREAMING],
    LinkState.RECONNECTING: [LinkState.STREAMING, LinkState.RECONNECTING],
    LinkState.DRAINING: [LinkState.STREAMING, LinkState.DRAINING],
    LinkState.DONE: [LinkState.DONE],
    LinkState.FAILED: [LinkState.FAILED],
}


@pytest.mark.parametrize("before", PATHS)
@pytest.mark.parametrize("after", LinkState)
def test_only_the_tables_transitions_happen(
    before: LinkState, after: LinkState, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Any other leaves state and reason as they were, and is logged unless the stream has ended."""
    status = StreamStatus(clock)
    for state in PATHS[before]:
        assert status.set(state, "before")
    allowed = after in TRANSITIONS[before]
    reason = status.reason
    with caplog.at_level(logging.ERROR):
        assert status.set(after, "after") is allowed
    assert (status.state, status.reason) == ((after, "after") if allowed else (before, reason))
    assert bool(caplog.records) is (not allowed and not before.is_final)


def test_a_stream_that_has_ended_stays_so_and_keeps_its_time_on_air(clock: FakeClock) -> None:
    """Time on air goes from the first time streaming to the end, through reconnections."""
    status = StreamStatus(clock)
    clock.advance(5.0)
    status.set(LinkState.STREAMING)
    clock.advance(1.0)
    status.set(LinkState.RECONNECTING, "lost")
    clock.advance(1.0)
    status.set(LinkState.STREAMING)
    clock.advance(1.0)
    status.set(LinkState.DONE)
    clock.advance(1.0)
    assert status.on_air_s == pytest.approx(3.0)


def test_paused_is_shown_only_while_streaming(clock: FakeClock) -> None:
    """A stream that reconnects shows that, paused or not."""
    context = sender_context(clock)

    def shown(*, paused: bool) -> LinkState:
        return context.stats(Role.SENDER, "", 0, None, paused=paused).state

    assert shown(paused=True) is LinkState.CONNECTING
    context.status.set(LinkState.STREAMING)
    assert (shown(paused=True), shown(paused=False)) == (LinkState.PAUSED, LinkState.STREAMING)
    context.status.set(LinkState.RECONNECTING, "lost")
    assert shown(paused=True) is LinkState.RECONNECTING
