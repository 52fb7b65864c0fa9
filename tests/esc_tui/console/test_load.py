"""What a change costs, counted: as much as is in sight, not as much as there is. `make bench` measures the time."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from textual.geometry import Region
from textual.widget import Widget

from esc_tui.console.drawing.event_lines import event_lines
from esc_tui.console.widgets import event_log
from esc_tui.console.widgets.event_log import EventLog
from esc_tui.console.widgets.spectrogram import Spectrogram
from net.telemetry.stats import Role
from tests.esc_tui.console.fake_engine import FakeEngine, receiver_stats
from tests.esc_tui.console.waiting import StillClock, running, until

Result = TypeVar("Result")
REFRESH_HZ = 8


def counted(function: Callable[..., Result], calls: list[object]) -> Callable[..., Result]:
    """`function`, whose calls are noted by their first argument."""

    def call(*arguments: object, **options: object) -> Result:
        calls.append(arguments[0])
        return function(*arguments, **options)

    return call


async def test_of_ten_thousand_events_only_those_in_sight_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new event is laid out alone, what is drawn fits the screen, and a filter lays out only what it lets pass."""
    laid_out, drawn = list[object](), list[object]()
    monkeypatch.setattr(event_log, "event_lines", counted(event_lines, laid_out))
    engine = FakeEngine(Role.RECEIVER)
    for number in range(10_000):
        engine.say(f"event {number}")
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await pilot.press("2")
        await until(pilot, lambda: log.shown_count == 10_000)
        await pilot.pause()
        laid_out.clear()
        monkeypatch.setattr(EventLog, "render_line", counted(EventLog.render_line, drawn))
        engine.say("one more")
        await until(pilot, lambda: log.text.endswith("one more"))
        await pilot.pause()
        assert len(laid_out) == 1
        assert 0 < len(drawn) <= 2 * log.size.height
        laid_out.clear()
        await pilot.press("slash", *"999")
        await until(pilot, lambda: log.shown_count == 19)
        assert log.scroll_y == log.max_scroll_y
        texts = [str(number) for number in range(10_000)]
        assert len(laid_out) == sum(needle in text for needle in ("9", "99", "999") for text in texts)


async def test_figures_that_did_not_change_are_not_repainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight streams and their charts cost nothing while they stand still; one that goes on costs its own cells."""
    streams = [receiver_stats(41 - index, stream_id=f"s{index}") for index in range(8)]
    engine = FakeEngine(Role.RECEIVER, streams=streams)
    async with running([engine], clock=StillClock()) as (app, pilot):
        await pilot.pause()
        repainted = list[Region]()

        def refresh(widget: Widget, *regions: Region, **options: object) -> Widget:
            repainted.extend(region for region in regions or [widget.region] if region.area)
            return original(widget, *regions, **options)  # type: ignore[arg-type]

        original = Widget.refresh
        monkeypatch.setattr(Widget, "refresh", refresh)
        before = app.screen.view  # type: ignore[attr-defined]
        await until(pilot, lambda: app.screen.view is not before)  # type: ignore[attr-defined]
        assert repainted == []
        engine.streams = (receiver_stats(42.0, stream_id="s0"), *streams[1:])
        await until(pilot, lambda: bool(repainted))
        assert sum(region.area for region in repainted) < app.size.width * app.size.height / 4


@pytest.mark.parametrize(("height", "most"), [(8, REFRESH_HZ), (20, REFRESH_HZ / 2)])
async def test_a_tall_spectrogram_is_drawn_less_often(height: int, most: float) -> None:
    """What costs more bytes a column advances in larger steps, and no column is left out."""
    engine = FakeEngine(Role.SENDER, 20.0)
    async with running([engine], size=(60, 70)) as (app, pilot):
        spectrogram, drawn = app.screen.query_one(Spectrogram), list[object]()
        spectrogram.styles.height = height
        await until(pilot, lambda: spectrogram.size.height == height)
        spectrogram.draw = counted(spectrogram.draw, drawn)  # type: ignore[method-assign]
        for _ in range(4 * REFRESH_HZ):
            engine.still_s += 1 / REFRESH_HZ
            spectrogram.watch_stats(engine.snapshots()[0])
        assert 0 < len(drawn) / 4 <= most + 0.5
        assert spectrogram._history.count == engine.snapshots()[0].sound.column_count
