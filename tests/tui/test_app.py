import time
from collections.abc import Callable

from textual.pilot import Pilot

from codec.errors import EscError
from esc_tui.app import ConsoleApp
from esc_tui.panes.stream import StreamPane
from esc_tui.widgets.event_log import EventLog
from net.stats import LinkState, Role, Severity
from tests.tui.fake_engine import FakeEngine


async def until(pilot: Pilot[None], holds: Callable[[], bool], within_s: float = 5.0) -> None:
    """Let the app run until `holds`, at most `within_s`."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        await pilot.pause(0.01)


async def test_each_engine_has_a_pane_with_its_stream() -> None:
    """The panes show what the engines' snapshots say."""
    engines = [FakeEngine(Role.SENDER), FakeEngine(Role.RECEIVER)]
    app = ConsoleApp(engines, title="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: all(pane.stats is not None for pane in app.screen.query(StreamPane)))
        assert [pane.stats.role for pane in app.screen.query(StreamPane) if pane.stats] == [Role.SENDER, Role.RECEIVER]
    assert [engine.intents[0] for engine in engines] == [("start", None)] * 2


async def test_events_are_logged_once() -> None:
    """However many messages carry it, an event is one line."""
    engine = FakeEngine(Role.SENDER)
    engine.say("connected")
    app = ConsoleApp([engine])
    async with app.run_test() as pilot:
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: log.text.endswith("connected"))
        engine.say("disk full", Severity.ERROR)
        await until(pilot, lambda: log.text.endswith("disk full"))
        assert [line[10:] for line in log.text.splitlines()] == ["info   connected", "error  disk full"]


async def test_p_pauses_and_resumes() -> None:
    """`p` sends the intent; what is shown comes back from the engine."""
    engine = FakeEngine(Role.SENDER)
    app = ConsoleApp([engine])
    async with app.run_test() as pilot:
        pane = app.screen.query_one(StreamPane)
        await until(pilot, lambda: pane.stats is not None)
        await pilot.press("p")
        await until(pilot, lambda: pane.stats is not None and pane.stats.state is LinkState.PAUSED)
        await pilot.press("p")
        await until(pilot, lambda: pane.stats is not None and pane.stats.state is LinkState.STREAMING)


async def test_a_start_error_is_shown() -> None:
    """An engine that cannot start tells why in its pane, and the console goes on."""
    engine = FakeEngine(Role.RECEIVER, streams=())
    engine.start_error = EscError("port 8888 is taken: choose another with --port")
    app = ConsoleApp([engine])
    async with app.run_test() as pilot:
        pane = app.screen.query_one(StreamPane)
        await until(pilot, lambda: pane.engine is not None and "taken" in pane.engine.error)
        assert pane.has_class("-empty")
