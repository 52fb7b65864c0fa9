import os
import signal
from functools import partialmethod

import pytest
from textual.app import App

from codec.errors import EscError, UsageError
from esc_tui.console.app import ConsoleApp
from esc_tui.console.panes.stream import StreamPane
from esc_tui.console.screens.questions import QuitScreen
from esc_tui.console.widgets.event_log import EventLog
from esc_tui.console.widgets.stream_section import StreamSection
from esc_tui.errors import ExitCode
from esc_tui.options.command import Display
from esc_tui.run import run_engines
from net.telemetry.stats import LinkState, Role, Severity
from tests.esc_tui.console.fake_engine import FakeEngine, receiver_stats
from tests.esc_tui.console.waiting import SIDE_BY_SIDE, running, until


def both() -> list[FakeEngine]:
    return [FakeEngine(Role.SENDER), FakeEngine(Role.RECEIVER)]


async def test_each_engine_has_a_pane_with_its_stream() -> None:
    """The panes show what the engines' snapshots say, and the engines were started, the receiver first."""
    engines = both()
    async with running(engines) as (app, _):
        roles = [pane.stats.role for pane in app.screen.query(StreamPane) if pane.stats]
        assert roles == [Role.SENDER, Role.RECEIVER]
    assert [engine.intents[0] for engine in engines] == [("start", None)] * 2


async def test_panes_side_by_side_stand_level() -> None:
    """Each section begins on the same line in both panes, though they have not the same number of queues."""
    async with running(both(), size=(140, 46)) as (app, pilot):

        def begins() -> list[list[int]]:
            return [
                [section.region.y for section in pane.query(StreamSection)] for pane in app.screen.query(StreamPane)
            ]

        await until(pilot, lambda: begins()[0][:-1] == begins()[1][:-1] and begins()[1][-1] > begins()[1][-2] > 0)


async def test_events_are_logged_once() -> None:
    """However many messages carry it, an event is one line."""
    engine = FakeEngine(Role.SENDER)
    engine.say("connected")
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: log.text.endswith("connected"))
        engine.say("disk full", Severity.ERROR)
        await until(pilot, lambda: log.text.endswith("disk full"))
        assert [line[10:] for line in log.text.splitlines()] == ["info   connected", "error  disk full"]


async def test_a_start_error_is_shown() -> None:
    """An engine that cannot start tells why in its pane, and the console goes on until it is told to end."""
    engine = FakeEngine(Role.RECEIVER, streams=())
    engine.start_error = EscError("port 8888 is taken: choose another with --port")
    async with running([engine]) as (app, pilot):
        pane = app.screen.query_one(StreamPane)
        await until(pilot, lambda: pane.engine is not None and "taken" in pane.engine.error)
        assert pane.has_class("-empty")
        assert "port 8888 is taken" in str(pane.query_one(".empty").render())
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_a_receiver_without_a_stream_says_what_brings_one() -> None:
    """Alone it names the sender's command, beside its own sender that pane."""
    alone, beside = FakeEngine(Role.RECEIVER, streams=()), FakeEngine(Role.RECEIVER, streams=())
    for engines, advice in (([alone], "esc-tui sender --input FILE"), ([FakeEngine(Role.SENDER), beside], "pane 1")):
        async with running(engines) as (app, _):
            assert advice in str(app.screen.query(StreamPane).last().query_one(".empty").render())


async def test_a_failed_stage_is_shown_with_its_reason_and_the_console_goes_on() -> None:
    """A stream that failed shows its state and reason; the other pane still takes keys."""
    engines = both()
    async with running(engines, size=SIDE_BY_SIDE) as (app, pilot):
        engines[1].fail("stage decode failed: the model gave nan; use another model")
        pane = app.screen.query(StreamPane)[1]
        await until(pilot, lambda: pane.stats is not None and pane.stats.state is LinkState.FAILED)
        shown = "\n".join(line.text for line in pane.query_one("StreamSection")._lines)
        assert "stage decode failed: the model gave nan" in shown
        await pilot.press("p")
        await until(pilot, lambda: engines[0].state is LinkState.PAUSED)


async def test_q_leaves_at_once_when_nothing_runs() -> None:
    """No question where no stream would be broken off."""
    async with running([FakeEngine(Role.RECEIVER, streams=())]) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_q_asks_while_a_stream_runs_and_escape_stays() -> None:
    """The question can be taken back, and nothing has been stopped."""
    engines = both()
    async with running(engines) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, QuitScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, QuitScreen))
        assert app.is_running
        assert [intent for engine in engines for intent in engine.intents] == [("start", None)] * 2


async def test_f_finishes_sender_first_then_leaves() -> None:
    """An orderly end asks the sender before the receiver, and the app ends when both have."""
    order: list[Role] = []
    engines = both()
    for engine in engines:
        engine.on_request_stop = order.append
    async with running(engines) as (app, pilot):
        await pilot.press("q", "f")
        await until(pilot, lambda: not app.is_running)
    assert order == [Role.SENDER, Role.RECEIVER]
    assert app.survivors == ()


async def test_q_twice_goes_at_once() -> None:
    """A second press does not wait for an engine that takes its time to finish."""
    engines = both()
    for engine in engines:
        engine.is_slow_to_finish = True
    async with running(engines) as (app, pilot):
        await pilot.press("q", "q")
        await until(pilot, lambda: not app.is_running)
    assert all(engine.intents[-1][0] == "stop" for engine in engines)


async def test_q_while_finishing_goes_at_once() -> None:
    """Who has asked to finish and then presses `q` does not wait either."""
    engines = both()
    for engine in engines:
        engine.is_slow_to_finish = True
    async with running(engines) as (app, pilot):
        await pilot.press("q", "f")
        await until(pilot, lambda: ("request_stop", None) in engines[0].intents)
        assert app.is_running
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_threads_that_outlive_the_stop_are_named() -> None:
    """The caller learns which of an engine's threads did not end."""
    engine = FakeEngine(Role.RECEIVER, streams=())
    engine.survivors = ("receiver/decode",)
    async with running([engine]) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert "receiver/decode" in app.survivors


async def test_a_receiver_shows_its_newest_stream_and_brackets_step() -> None:
    """With several streams there is a list, `[` and `]` go round it, and a chosen stream stays chosen."""
    streams = [receiver_stats(41 - index, stream_id=f"s{index}", source=f"{index}.wav") for index in range(3)]
    async with running([FakeEngine(Role.RECEIVER, streams=streams)]) as (app, pilot):
        pane = app.screen.query_one(StreamPane)
        assert pane.stats is not None
        assert pane.stats.stream_id == "s2"
        await pilot.press("]")
        assert pane.stats.stream_id == "s0"
        await pilot.press("[", "[")
        assert pane.stats.stream_id == "s1"
        await pilot.click("StreamList", offset=(20, 1))
        await until(pilot, lambda: pane.stats is not None and pane.stats.stream_id == "s0")


async def test_an_unknown_theme_is_an_error_for_people() -> None:
    """`--theme` with a wrong name says which there are."""
    with pytest.raises(UsageError, match="esc-dark"):
        ConsoleApp([], theme="neon")


def test_a_console_that_fails_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started it learns from the exit code that the console broke down, though no engine failed."""

    def broken(_app: ConsoleApp) -> list[object]:
        raise RuntimeError("no such cell")

    monkeypatch.setattr(ConsoleApp, "compose", broken)
    monkeypatch.setattr(ConsoleApp, "run", partialmethod(App.run, headless=True))
    monkeypatch.setattr("esc_tui.run.in_terminal", lambda: True)
    engine = FakeEngine(Role.RECEIVER, streams=())
    assert run_engines([engine], Display(), "receiver") is ExitCode.STREAM_BROKEN
    assert engine.intents == []


async def test_sigterm_ends_the_console_in_order() -> None:
    """The engines are asked to finish, as without the console, and the terminal is given back."""
    engine = FakeEngine(Role.RECEIVER)
    async with running([engine]) as (app, pilot):
        os.kill(os.getpid(), signal.SIGTERM)
        await until(pilot, lambda: not app.is_running)
        assert isinstance(app, ConsoleApp)
        assert app.terminated
    assert ("request_stop", None) in engine.intents
