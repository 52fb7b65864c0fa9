import json
from pathlib import Path

import pytest

from esc_tui.panes.events import EventsPane
from esc_tui.panes.stream import StreamPane
from esc_tui.screens.console import ConsoleScreen
from esc_tui.screens.help import HelpScreen
from esc_tui.widgets.event_log import EventLog
from net.stats import LinkState, Role, Severity
from tests.tui.fake_engine import FakeEngine
from tests.tui.waiting import running, until


def both() -> list[FakeEngine]:
    return [FakeEngine(Role.SENDER), FakeEngine(Role.RECEIVER)]


async def test_p_pauses_and_resumes() -> None:
    """`p` sends the intent; what is shown comes back from the engine."""
    engine = FakeEngine(Role.SENDER)
    async with running([engine]) as (app, pilot):
        pane = app.screen.query_one(StreamPane)
        await pilot.press("p")
        await until(pilot, lambda: pane.stats is not None and pane.stats.state is LinkState.PAUSED)
        await pilot.press("p")
        await until(pilot, lambda: pane.stats is not None and pane.stats.state is LinkState.STREAMING)


async def test_m_mutes_and_unmutes() -> None:
    """`m` toggles what the engine says it does."""
    engine = FakeEngine(Role.SENDER)
    async with running([engine]) as (app, pilot):
        pane = app.screen.query_one(StreamPane)
        await pilot.press("m")
        await until(pilot, lambda: pane.stats is not None and pane.stats.muted)
        await pilot.press("m")
        await until(pilot, lambda: pane.stats is not None and not pane.stats.muted)


@pytest.mark.parametrize(("keys", "asked"), [("-", [5]), ("+", [6]), ("=", [6])])
async def test_plus_and_minus_ask_for_streams(keys: str, asked: list[int]) -> None:
    """One stream more or less, never more than HELLO promised."""
    engine = FakeEngine(Role.SENDER)
    async with running([engine]) as (_, pilot):
        await pilot.press(*keys)
        assert [value for name, value in engine.intents if name == "num_streams"] == asked


async def test_9_and_0_set_the_volume_of_the_focused_receiver() -> None:
    """Volume goes in steps of a tenth, to the engine whose pane has the focus."""
    engines = both()
    async with running(engines) as (_, pilot):
        await pilot.press("2", "9", "0")
        assert [value for name, value in engines[1].intents if name == "volume"] == [0.9, 1.1]
        assert not [value for name, value in engines[0].intents if name == "volume"]


async def test_w_changes_the_window_of_all_charts() -> None:
    """60, 120, 300 and again 60 s."""
    async with running(both()) as (app, pilot):
        windows = []
        for _ in range(3):
            await pilot.press("w")
            windows.append([pane.window_s for pane in app.screen.query(StreamPane)])
        assert windows == [[120, 120], [300, 300], [60, 60]]


async def test_tab_and_numbers_go_to_pages() -> None:
    """`tab` goes round, numbers go straight, and keys act on the page that has the focus."""
    engines = both()
    async with running(engines) as (app, pilot):
        screen = app.screen
        assert isinstance(screen, ConsoleScreen)
        await pilot.press("tab")
        assert screen.page == 1
        await pilot.press("p")
        await until(pilot, lambda: engines[1].state is LinkState.PAUSED)
        await pilot.press("3")
        assert screen.page == 2
        assert isinstance(app.focused, EventLog)
        await pilot.press("shift+tab", "shift+tab")
        assert screen.page == 0


async def test_z_gives_one_page_all_the_room() -> None:
    """A zoomed pane is alone; the other pages are a key away."""
    async with running(both()) as (app, pilot):
        left, right = app.screen.query(StreamPane)
        await pilot.press("z")
        await pilot.pause()
        assert (left.region.width, right.region.width) == (120, 0)
        await pilot.press("2")
        await pilot.pause()
        assert (left.region.width, right.region.width) == (0, 120)
        await pilot.press("z")
        await pilot.pause()
        assert left.region.width == 60


async def test_a_small_terminal_shows_one_page_at_a_time() -> None:
    """At 80×24 each page has the whole width, and a click on its name shows it."""
    async with running(both(), size=(80, 24)) as (app, pilot):
        assert [pane.region.width for pane in app.screen.query(StreamPane)] == [80, 0]
        await pilot.click("TitleBar", offset=(25, 0))
        await pilot.pause()
        assert [pane.region.width for pane in app.screen.query(StreamPane)] == [0, 80]
        await pilot.press("3")
        await pilot.pause()
        assert app.screen.query_one(EventsPane).region.height == 22


async def test_resizing_goes_through_all_layouts() -> None:
    """Any size may follow any other while the stream runs."""
    async with running(both()) as (app, pilot):
        for size in ((80, 24), (200, 60), (30, 8), (120, 40), (112, 30)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert [pane.region.width for pane in app.screen.query(StreamPane)] == [56, 56]


async def test_slash_filters_events_and_escape_takes_the_filter_away() -> None:
    """What is typed narrows the log as it is typed; enter keeps it, escape clears it."""
    engine = FakeEngine(Role.SENDER)
    for text in ("connected", "receiver late", "reconnected"):
        engine.say(text)
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: log.shown_count == 3)
        await pilot.press("slash", *"connec")
        await until(pilot, lambda: log.shown_count == 2)
        await pilot.press("enter")
        assert app.focused is log
        assert log.shown_count == 2
        await pilot.press("slash", "escape")
        await until(pilot, lambda: log.shown_count == 3)


async def test_f_filters_by_severity() -> None:
    """All, then warnings and errors, then errors, then all."""
    engine = FakeEngine(Role.SENDER)
    for severity in Severity:
        engine.say(severity.value, severity)
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: log.shown_count == 3)
        shown = []
        for _ in range(3):
            await pilot.press("f")
            shown.append(log.shown_count)
        assert shown == [2, 1, 3]


async def test_c_copies_the_shown_events() -> None:
    """The clipboard gets what the log shows, one event a line."""
    engine = FakeEngine(Role.SENDER)
    engine.say("connected")
    async with running([engine]) as (app, pilot):
        await until(pilot, lambda: app.screen.query_one(EventLog).shown_count == 1)
        await pilot.press("c")
        assert app.clipboard == "17:24:01  info   connected"


async def test_s_saves_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SVG of the screen lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    async with running(both()) as (_, pilot):
        await pilot.press("s")
        await until(pilot, lambda: any("SENDER" in p.read_text() for p in tmp_path.glob("esc-tui-*.svg")))


async def test_r_saves_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report holds the figures of the snapshots and all events."""
    monkeypatch.chdir(tmp_path)
    engines = both()
    engines[0].say("connected")
    async with running(engines) as (app, pilot):
        await until(pilot, lambda: app.screen.query_one(EventLog).shown_count == 1)
        await pilot.press("r")
        await until(pilot, lambda: any(p.stat().st_size for p in tmp_path.glob("esc-tui-*.json")))
    report = json.loads(next(tmp_path.glob("esc-tui-*.json")).read_text())
    sender = report["engines"][0]["streams"][0]
    assert sender["chunks"]["sent"] == engines[0].snapshots()[0].chunks.sent  # type: ignore[union-attr]
    assert sender["latencies"][0]["p95_ms"] == engines[0].snapshots()[0].latencies[0].p95_ms
    assert [event["text"] for event in report["events"]] == ["connected"]


async def test_question_mark_explains() -> None:
    """The help opens, names the figures, and closes."""
    async with running(both()) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


async def test_t_opens_the_themes_and_every_theme_draws() -> None:
    """`t` offers themes; each of Textual's and ours can be shown while a stream runs."""
    async with running(both()) as (app, pilot):
        await pilot.press("t")
        await until(pilot, lambda: type(app.screen).__name__ == "CommandPalette")
        await pilot.press("escape")
        for name in ("esc-light", "nord", "solarized-light", "esc-dark"):
            app.theme = name
            await pilot.pause()


async def test_every_shown_key_is_a_command_too() -> None:
    """What the key bar offers, the palette finds."""
    async with running(both()) as (app, _):
        commands = {command.title for command in app.get_system_commands(app.screen)}
        offered = [a.binding for a in app.screen.active_bindings.values() if a.binding.show and a.enabled]
        assert {binding.tooltip or "Quit" for binding in offered if binding.action != "app.stop"} <= commands
        assert "Stop the streams and leave" in {command.help for command in app.get_system_commands(app.screen)}
