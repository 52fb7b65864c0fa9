import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Static

from esc_tui.console.drawing.palette import theme_palette
from esc_tui.console.engine_handle import MOST_WAITING_INTENTS
from esc_tui.console.panes.events import EventsPane
from esc_tui.console.panes.stream import StreamPane
from esc_tui.console.screens.help import HelpScreen
from esc_tui.console.widgets.event_log import EventLog
from esc_tui.console.widgets.key_bar import KeyBar
from esc_tui.console.widgets.spectrogram import Spectrogram
from esc_tui.console.widgets.stream_section import StreamSection
from esc_tui.console.widgets.title_bar import TitleBar
from net.telemetry.stats import LinkState, Role, Severity
from tests.esc_tui.console.conftest import Console
from tests.esc_tui.console.fake_engine import FakeEngine, sender_stats
from tests.esc_tui.console.waiting import SIDE_BY_SIDE, StillClock, running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_p_pauses_and_resumes(console: Console) -> None:
    """`p` sends the intent; what is shown comes back from the engine."""
    pane = console.panes[0]
    await console.pilot.press("p")
    await console.until(lambda: pane.stats is not None and pane.stats.state is LinkState.PAUSED)
    await console.pilot.press("p")
    await console.until(lambda: pane.stats is not None and pane.stats.state is LinkState.STREAMING)


async def test_m_mutes_and_unmutes(console: Console) -> None:
    """`m` toggles what the engine says it does."""
    pane = console.panes[0]
    await console.pilot.press("m")
    await console.until(lambda: pane.stats is not None and pane.stats.muted)
    await console.pilot.press("m")
    await console.until(lambda: pane.stats is not None and not pane.stats.muted)


async def test_e_bypasses_enhancement_where_there_is_any(console: Console) -> None:
    """The key is offered at a sender that enhances alone, and asks for the other of what is."""
    action = console.screen.check_action
    await console.pilot.press("e")
    assert console.sender.values_of("enhanced") == []
    assert action("enhance", ()) is False
    for enhanced in (True, False):
        console.sender.streams = (replace(sender_stats(41.0), enhanced=enhanced),)
        pane = console.panes[0]
        await console.until(lambda pane=pane, enhanced=enhanced: pane.stats and pane.stats.enhanced is enhanced)
        assert action("enhance", ()) is True
        await console.pilot.press("e")
    await console.until(lambda: console.sender.values_of("enhanced") == [False, True])
    await console.pilot.press("2")
    await console.until(lambda: action("enhance", ()) is False)


async def test_plus_and_minus_ask_for_streams(console: Console) -> None:
    """One stream more or less, never more than HELLO promised."""
    await console.pilot.press("-", "+", "=")
    await console.until(lambda: console.sender.values_of("num_streams") == [5, 6, 6])


async def test_9_and_0_set_the_volume_of_the_focused_receiver(console: Console) -> None:
    """Volume goes in steps of a tenth, to the engine whose pane has the focus."""
    await console.pilot.press("2", "9", "0")
    await console.until(lambda: console.receiver.values_of("volume") == [0.9, 1.1])
    assert console.sender.values_of("volume") == []


async def test_w_changes_the_window_of_all_charts(console: Console) -> None:
    """60, 120, 300 and again 60 s."""
    windows = []
    for _ in range(3):
        await console.pilot.press("w")
        windows.append([pane.window_s for pane in console.panes])
    assert windows == [[120, 120], [300, 300], [60, 60]]


async def test_tab_and_numbers_go_to_pages(console: Console) -> None:
    """`tab` goes round, numbers go straight, and keys act on the page that has the focus."""
    await console.pilot.press("tab")
    assert console.screen.page == 1
    await console.pilot.press("p")
    await console.until(lambda: console.receiver.state is LinkState.PAUSED)
    await console.pilot.press("3")
    assert console.screen.page == 2
    assert isinstance(console.app.focused, EventLog)
    await console.pilot.press("shift+tab", "shift+tab")
    assert console.screen.page == 0


async def test_z_gives_one_page_all_the_room(console: Console) -> None:
    """A zoomed pane is alone; the other pages are a key away."""
    left, right = console.panes
    await console.pilot.press("z")
    await console.until(lambda: (left.region.width, right.region.width) == (112, 0))
    await console.pilot.press("2")
    await console.until(lambda: (left.region.width, right.region.width) == (0, 112))
    await console.pilot.press("z")
    await console.until(lambda: (left.region.width, right.region.width) == (56, 56))


async def test_a_small_terminal_shows_one_page_at_a_time(console: Console) -> None:
    """At 80×24 each page has the whole width, and a click on its name shows it."""
    await console.pilot.resize_terminal(80, 24)
    await console.until(lambda: [pane.region.width for pane in console.panes] == [80, 0])
    await console.pilot.click("TitleBar", offset=(25, 0))
    await console.until(lambda: [pane.region.width for pane in console.panes] == [0, 80])
    await console.pilot.press("3")
    await console.until(lambda: console.screen.query_one(EventsPane).region.height == 22)


async def test_resizing_goes_through_all_layouts(console: Console) -> None:
    """Any size may follow any other while the stream runs."""
    for size in ((80, 24), (200, 60), (30, 8), (120, 40), (112, 30)):
        await console.pilot.resize_terminal(*size)
    await console.until(lambda: [pane.region.width for pane in console.panes] == [56, 56])


async def test_events_are_found_filtered_and_copied() -> None:
    """`/` narrows the log as one types, enter keeps that, escape clears it; `f` filters by severity; `c` copies."""
    engine = FakeEngine(Role.SENDER)
    for text, severity in zip(("connected", "receiver late", "reconnected"), Severity, strict=True):
        engine.say(text, severity)
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: log.shown_count == 3)
        await pilot.press("slash", *"con")
        await until(pilot, lambda: log.shown_count == 2)
        await pilot.press("enter")
        assert app.focused is log
        assert log.shown_count == 2
        await pilot.press("c")
        assert app.clipboard == "17:24:01  info   connected\n17:24:01  error  reconnected"
        await pilot.press("slash", "escape")
        await until(pilot, lambda: log.shown_count == 3)
        shown = []
        for _ in range(3):
            await pilot.press("f")
            shown.append(log.shown_count)
        assert shown == [2, 1, 3]


async def test_the_newest_event_is_followed_while_the_end_is_in_sight() -> None:
    """Who scrolls back is left there as events come; who goes to the end follows again, and so does a filter."""
    engine = FakeEngine(Role.SENDER)
    for number in range(100):
        engine.say(f"event {number}")
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await pilot.press("2")
        await until(pilot, lambda: log.shown_count == 100 and log.scroll_y == log.max_scroll_y > 0)

        async def position_after_an_event() -> float:
            count = log.shown_count
            engine.say("one more event")
            await until(pilot, lambda: log.shown_count == count + 1)
            await pilot.pause()
            return log.scroll_y - log.max_scroll_y

        await pilot.press("home")
        await until(pilot, lambda: log.scroll_y == 0)
        assert await position_after_an_event() == -log.max_scroll_y < 0
        await pilot.press("end")
        await until(pilot, lambda: log.scroll_y == log.max_scroll_y)
        assert await position_after_an_event() == 0
        await pilot.press("home")
        await until(pilot, lambda: log.scroll_y == 0)
        await pilot.press("slash", *"event")
        await until(pilot, lambda: log.scroll_y == log.max_scroll_y > 0)
        assert await position_after_an_event() == 0


async def test_events_are_selected_with_the_mouse() -> None:
    """What is selected stands out, and is what is copied."""
    engine = FakeEngine(Role.SENDER)
    engine.say("connected")
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await pilot.press("2")
        await until(pilot, lambda: log.shown_count == 1)
        await pilot.pause()
        plain = list(log.render_line(0))
        await pilot.mouse_down(EventLog, offset=(18, 0))
        await pilot.hover(EventLog, offset=(22, 0))
        await pilot.mouse_up(EventLog, offset=(22, 0))
        await pilot.pause()
        assert app.screen.get_selected_text() == "conne"
        assert list(log.render_line(0)) != plain


async def test_s_saves_a_picture(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SVG of the screen lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    await console.pilot.press("s")
    await console.until(lambda: any("SENDER" in path.read_text() for path in tmp_path.glob("esc-tui-*.svg")))


async def test_r_saves_the_report(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report holds the figures of the snapshots and all events."""
    monkeypatch.chdir(tmp_path)
    log, sender = console.screen.query_one(EventLog), console.sender
    sender.say("connected")
    await console.until(lambda: log.text.endswith("connected"))
    await console.pilot.press("r")
    await console.until(lambda: any(path.stat().st_size for path in tmp_path.glob("esc-tui-*.json")))
    report = json.loads(next(tmp_path.glob("esc-tui-*.json")).read_text())
    shown = report["engines"][0]["streams"][0]
    assert shown["chunks"]["sent"] == sender.snapshots()[0].chunks.sent  # type: ignore[union-attr]
    assert shown["latencies"][0]["p95_ms"] == sender.snapshots()[0].latencies[0].p95_ms
    assert [event["text"] for event in report["events"]] == [event.text for event in sender.events]


async def test_question_mark_explains(console: Console) -> None:
    """The help opens, has every word within its box, and closes."""
    await console.pilot.press("question_mark")
    await console.until(lambda: isinstance(console.app.screen, HelpScreen) and bool(console.app.screen.query(".note")))
    await console.pilot.pause()
    box = console.app.screen.query_one("#help").content_region
    for text in console.app.screen.query(Static):
        words = " ".join(text.render_line(y).text for y in range(text.size.height)).split()
        assert words == str(text.render()).split()
        assert text.region.right <= box.right
    await console.pilot.press("escape")
    await console.until(lambda: not isinstance(console.app.screen, HelpScreen))


async def test_t_opens_the_themes_and_every_theme_draws(console: Console) -> None:
    """`t` offers themes; each of Textual's and ours shows the stream in its own colours, all of them anew."""
    await console.pilot.press("t")
    await console.until(lambda: type(console.app.screen).__name__ == "CommandPalette")
    await console.pilot.press("escape")
    await console.until(lambda: console.app.screen is console.screen)
    section, title = console.screen.query_one(StreamSection), console.screen.query_one(TitleBar)
    for name in ("esc-light", "nord", "solarized-light", "esc-dark"):
        console.app.theme = name
        await console.pilot.pause()
        palette = theme_palette(console.app.theme_variables)
        label = next(iter(section.render_line(0))).style
        assert label is not None
        assert label.color == palette.label.color
        drawn = [segment.style for segment in title.render_line(0) if segment.text.startswith("esc-tui")]
        assert [style.color for style in drawn if style] == [palette.heading.color]
        assert [style.bgcolor for style in drawn if style] == [title.background_colors[1].rich_color]


async def test_the_sound_takes_the_colours_of_a_new_theme() -> None:
    """Also after another screen has stood over it: its axis is on the new background, its picture in the new map."""
    async with running([FakeEngine(Role.SENDER, 41.0)], size=(120, 40), clock=StillClock()) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape", "z")
        await pilot.pause()
        picture = app.screen.query_one(Spectrogram)
        dark = {segment.style and segment.style.bgcolor for segment in picture.render_line(0)}
        app.theme = "esc-light"
        await pilot.pause()
        light = [segment.style and segment.style.bgcolor for segment in picture.render_line(0)]
        assert light[0] == picture.background_colors[1].rich_color
        assert not dark & set(light)


async def test_a_key_does_not_wait_for_its_engine() -> None:
    """While an engine takes its time over a key, the screen goes on and other engines take theirs; then it goes on."""
    engines = [FakeEngine(Role.SENDER), FakeEngine(Role.RECEIVER)]
    engines[0].may_take_intents.clear()
    async with running(engines, size=SIDE_BY_SIDE) as (app, pilot):
        await pilot.press("p")
        assert engines[0].values_of("paused") == []
        await pilot.press("2", "m")
        pane = app.screen.query(StreamPane)[1]
        await until(pilot, lambda: pane.stats is not None and pane.stats.muted)
        await pilot.press("1", "m")
        assert engines[0].intents == [("start", None)]
        engines[0].may_take_intents.set()
        await until(pilot, lambda: engines[0].intents == [("start", None), ("paused", True), ("muted", True)])


async def test_keys_that_an_engine_cannot_take_are_left_out_and_told() -> None:
    """An engine that hangs does not gather keys without end; the stop names the thread that it holds."""
    engine = FakeEngine(Role.SENDER)
    engine.may_take_intents.clear()
    async with running([engine]) as (app, pilot):
        await pilot.press(*"m" * (MOST_WAITING_INTENTS + 2))
        await until(pilot, lambda: any("busy" in toast.message for toast in app._notifications))
        await pilot.press("q", "q")
        await until(pilot, lambda: not app.is_running)
    assert app.survivors == ("console-intents-0",)
    engine.may_take_intents.set()
    await until(pilot, lambda: engine.values_of("muted") == [True])


async def test_a_key_that_fails_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """An intent's unexpected error is in the log, and the next key acts."""
    engine = FakeEngine(Role.SENDER)
    engine.set_muted = lambda _muted: 1 / 0  # type: ignore[method-assign,assignment]
    async with running([engine]) as (_, pilot):
        await pilot.press("m", "p")
        await until(pilot, lambda: engine.values_of("paused") == [True])
    assert "ZeroDivisionError" in caplog.text


async def test_a_click_on_a_key_presses_it(console: Console) -> None:
    """The key bar's keys, its descriptions and its palette can be clicked; between key and palette nothing happens."""
    bar, pane = console.screen.query_one(KeyBar), console.panes[0]
    text = f" {bar.render_line(0).text}"  # the bar has a margin
    await console.pilot.click(KeyBar, offset=(text.index("mute"), 0))
    await console.until(lambda: pane.stats is not None and pane.stats.muted)
    await console.pilot.click(KeyBar, offset=(text.index("+ −"), 0))
    await console.pilot.click(KeyBar, offset=(text.index("+ −") + 2, 0))
    await console.until(lambda: console.sender.values_of("num_streams") == [6, 5])
    await console.pilot.click(KeyBar, offset=(text.index("palette"), 0))
    await console.until(lambda: type(console.app.screen).__name__ == "CommandPalette")
    await console.pilot.press("escape")
    await console.until(lambda: console.app.screen is console.screen)


async def test_every_shown_key_is_a_command_too(console: Console) -> None:
    """What the key bar offers, the palette finds."""
    app, screen = console.app, console.screen
    commands = {command.title for command in app.get_system_commands(screen)}
    offered = [a.binding for a in screen.active_bindings.values() if a.binding.show and a.enabled]
    assert {binding.tooltip or "Quit" for binding in offered if binding.action != "app.stop"} <= commands
    assert "Stop the streams and leave" in {command.help for command in app.get_system_commands(screen)}
