"""Names from elsewhere in the console: shown as they are, and no more."""

from dataclasses import replace

import pytest

from esc_tui.panes.stream import StreamPane
from esc_tui.widgets.event_log import EventLog
from net.stats import LinkState, Role, StreamStats
from tests.tui.fake_engine import FakeEngine, receiver_stats
from tests.tui.waiting import running, until


def named(name: str, stream_id: str, state: LinkState) -> StreamStats:
    return replace(receiver_stats(40.0, state, stream_id, name), peer=name, model=name, reason=name, files=(name,))


@pytest.mark.parametrize("state", [LinkState.STREAMING, LinkState.FAILED, LinkState.DONE])
@pytest.mark.parametrize("name", ["[red]", "[/]", "[@click=app.quit]x[/]", "漢" * 200, "e" + "\u0301" * 199, "$x \\"])
async def test_names_are_only_text(name: str, state: LinkState) -> None:
    """Markup is shown, long and wide names are cut, lines keep their width."""
    engine = FakeEngine(Role.RECEIVER, streams=(named(name, "a1", state), named(name, "b2", state)))
    engine.say(f"{name} refused")
    async with running([engine], size=(80, 24)) as (app, pilot):
        await until(pilot, lambda: "refused" in app.screen.query_one(EventLog).text)
        pane = app.screen.query_one(StreamPane)
        lines = [line for section in pane.query("Section") for line in section._lines]  # type: ignore[attr-defined]
        assert any(name[:6] in line.text for line in lines)
        assert app.is_running
        app.export_screenshot()
