"""Names from elsewhere in the console: shown as they are, and no more."""

from dataclasses import replace

import pytest

from esc_tui.console.widgets.event_log import EventLog
from net.telemetry.stats import LinkState, StreamStats
from tests.esc_tui.console.conftest import Console
from tests.esc_tui.console.fake_engine import receiver_stats

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ["[red]", "[/]", "[@click=app.quit]x[/]", "漢" * 200, "e" + "\u0301" * 199, "$x \\"]


def named(name: str, stream_id: str, state: LinkState) -> StreamStats:
    return replace(receiver_stats(40.0, state, stream_id, name), peer=name, model=name, reason=name, files=(name,))


@pytest.mark.parametrize("state", [LinkState.STREAMING, LinkState.FAILED, LinkState.DONE])
@pytest.mark.parametrize("name", NAMES, ids=["color", "close", "click", "wide", "combining", "content"])
async def test_names_are_only_text(console: Console, name: str, state: LinkState) -> None:
    """Markup is shown, long and wide names are cut, lines keep their width."""
    pane, engine = console.panes[1], console.receiver
    engine.streams = (named(name, "a1", state), named(name, "b2", state))
    engine.say(f"{name} refused")
    await console.until(lambda: console.screen.query_one(EventLog).text.endswith(f"{name} refused"))
    await console.until(lambda: pane.stats is not None and (pane.stats.source, pane.stats.state) == (name, state))
    lines = [line for section in pane.query("StreamSection") for line in section._lines]  # type: ignore[attr-defined]
    assert any(name[:6] in line.text for line in lines)
    assert console.app.is_running
    console.app.export_screenshot()
