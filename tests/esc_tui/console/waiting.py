"""Waiting for what a console under test will come to show."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from esc_tui.console.app import ConsoleApp
from esc_tui.console.panes.stream import StreamPane
from net.runtime.clock import Clock
from tests.esc_tui.console.fake_engine import EPOCH_S, FakeEngine

SMALL = (80, 24)
"""Shows one page at a time: cheapest to draw."""
SIDE_BY_SIDE = (112, 30)
"""The smallest terminal that shows all pages."""


async def until(pilot: Pilot[None], holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Let the app run until `holds`, at most `within_s`."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert pilot.app._exception is None, "the app has failed"
        assert time.monotonic() < deadline, "it did not come to hold in time"
        await asyncio.sleep(0.005)


async def shown(app: ConsoleApp, pilot: Pilot[None]) -> None:
    """Wait until `app` shows its first view, and has laid it out."""
    await until(pilot, lambda: all(pane.engine is not None for pane in app.screen.query(StreamPane)))
    for _ in range(2):  # the panes' needs, then the layout that follows from them
        await pilot.pause()


class StillClock(Clock):
    """It is always the same time of day; waiting takes its time."""

    def epoch_s(self) -> float:
        return EPOCH_S


@asynccontextmanager
async def running(
    engines: Sequence[FakeEngine], size: tuple[int, int] = SMALL, **options: object
) -> AsyncIterator[tuple[ConsoleApp, Pilot[None]]]:
    """A console over `engines`, once it shows their first view."""
    app = ConsoleApp(engines, refresh_hz=10, **options)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        await shown(app, pilot)
        yield app, pilot
