"""What must stay smooth: ten thousand events, eight streams, and the UI's own time."""

import asyncio
import time

from rich.style import Style
from textual.color import Color

from esc_tui.console.drawing.spectrogram_image import ColorMap, SoundHistory
from esc_tui.console.widgets.event_log import EventLog
from net.telemetry.stats import Role
from tests.esc_tui.console.fake_engine import FakeEngine, receiver_stats, sound
from tests.esc_tui.console.waiting import running, until

TICK_S = 0.05


async def lateness_s(ticks: int) -> list[float]:
    """How late each of so many ticks of a 20 Hz timer came on the UI's loop."""
    late = []
    for _ in range(ticks):
        due_s = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append(time.perf_counter() - due_s)
    return sorted(late)


async def test_ten_thousand_events_and_eight_streams_stay_smooth() -> None:
    """The 99th percentile of a 20 Hz timer's lateness stays within 0.1 s of that on an idle screen."""
    streams = [receiver_stats(41 - index, stream_id=f"s{index}") for index in range(8)]
    engine = FakeEngine(Role.RECEIVER, streams=streams)
    for number in range(10_000):
        engine.say(f"event {number}")
    async with running([engine]) as (app, pilot):
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: log.shown_count == 10_000)
        late = await lateness_s(20)
        await pilot.press("slash", *"999")
        await until(pilot, lambda: log.shown_count == 19)
        assert log.scroll_y == log.max_scroll_y
    assert late[len(late) // 2] < 0.1


def test_the_spectrogram_costs_less_than_a_twentieth_of_a_core() -> None:
    """Drawing a second of a large picture takes less than 50 ms, in the best of some tries."""
    plain = Style.null()
    colors = ColorMap.for_theme(Color.parse("#000000"), dark=True, is_shaded=False, shade=plain, cursor=plain)

    def a_second(start_s: float) -> float:
        sounds = [sound(start_s + tick / 8) for tick in range(8)]
        history, begin_s = SoundHistory(), time.process_time()
        for passing in sounds:
            history.push(passing)
            picture = history.image(90, 16)
            for y in range(0, len(picture), 2):
                colors.segments(picture[y], picture[y + 1])
        return time.process_time() - begin_s

    assert min(a_second(20.0 + repeat) for repeat in range(5)) < 0.05
