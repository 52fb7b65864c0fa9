"""Pictures of the console in each state. After a wanted change: `pytest tests/esc_tui/console --snapshot-update`."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from esc_tui.console.app import ConsoleApp
from esc_tui.console.widgets import spectrogram
from net.telemetry.stats import LinkState, Role, Severity
from tests.esc_tui.console.fake_engine import FakeEngine, receiver_stats, sender_stats
from tests.esc_tui.console.waiting import StillClock, shown

STATES = {
    LinkState.CONNECTING: (0.0, ""),
    LinkState.STREAMING: (41.0, ""),
    LinkState.PAUSED: (41.0, ""),
    LinkState.RECONNECTING: (41.0, "the receiver closed the connection; trying again in 2 s"),
    LinkState.DONE: (79.0, ""),
    LinkState.FAILED: (41.0, "stage encode failed: the model gave nan at chunk 45; use another model"),
}


@pytest.mark.parametrize("size", [(80, 24), (140, 45)], ids=["80x24", "140x45"])
@pytest.mark.parametrize("state", list(STATES))
def test_the_console_looks_as_it_did(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, state: LinkState, size: tuple[int, int]
) -> None:
    """Nothing moves, vanishes or loses its colour unnoticed."""
    monkeypatch.setattr(spectrogram, "FEW_COLORS", ())
    t_s, reason = STATES[state]
    sender = FakeEngine(Role.SENDER, t_s, [replace(sender_stats(t_s, state), reason=reason)])
    streams = [receiver_stats(t_s, state)] if t_s else []
    receiver = FakeEngine(Role.RECEIVER, t_s, streams)
    sender.say("connecting to 10.0.0.7:8888")
    if reason:
        sender.say(reason, Severity.ERROR if state is LinkState.FAILED else Severity.WARNING)
    app = ConsoleApp([sender, receiver], title="demo · loopback", clock=StillClock())

    async def wait_until_shown(pilot: Pilot[None]) -> None:
        await shown(app, pilot)

    assert snap_compare(app, terminal_size=size, run_before=wait_until_shown)
