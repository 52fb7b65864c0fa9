import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from textual.pilot import Pilot

from esc_tui.console.app import ConsoleApp
from esc_tui.console.panes.stream import StreamPane
from esc_tui.console.screens.console import WINDOWS_S, ConsoleScreen
from net.telemetry.stats import Role
from tests.esc_tui.console.fake_engine import FakeEngine
from tests.esc_tui.console.waiting import SIDE_BY_SIDE, running, until


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Event times are shown as local time: here that is UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    """What the console starts, it ends."""
    before = set(threading.enumerate())
    yield
    ours = [t.name for t in set(threading.enumerate()) - before if t.name in {"publisher"} or "console" in t.name]
    assert ours == []


@dataclass
class Console:
    """A console over a sender and a receiver, both pages in sight."""

    app: ConsoleApp
    pilot: Pilot[None]
    sender: FakeEngine
    receiver: FakeEngine

    @property
    def screen(self) -> ConsoleScreen:
        assert isinstance(self.app.screen, ConsoleScreen)
        return self.app.screen

    @property
    def panes(self) -> list[StreamPane]:
        return list(self.screen.query(StreamPane))

    async def until(self, holds: object) -> None:
        await until(self.pilot, holds)  # type: ignore[arg-type]

    async def begin_again(self) -> None:
        """Be as a console that was just started, but for its log."""
        self.sender.begin_again()
        self.receiver.begin_again()
        if self.app.size != SIDE_BY_SIDE:
            await self.pilot.resize_terminal(*SIDE_BY_SIDE)
        self.screen.is_zoomed, self.screen.window_s = False, WINDOWS_S[0]
        self.screen.action_page(0)
        await self.pilot.pause()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _console() -> AsyncIterator[Console]:
    sender, receiver = FakeEngine(Role.SENDER), FakeEngine(Role.RECEIVER)
    async with running([sender, receiver], size=SIDE_BY_SIDE) as (app, pilot):
        yield Console(app, pilot, sender, receiver)


@pytest_asyncio.fixture(loop_scope="module")
async def console(_console: Console) -> Console:
    """One console for all tests of a module that run in the module's loop, each of which begins again."""
    await _console.begin_again()
    return _console
