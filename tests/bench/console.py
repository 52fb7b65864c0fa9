"""How late the console's own time comes, with engines at work in its process and with much to show."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.style import Style
from textual.color import Color

from codec.chunks.plan import ChunkPlan
from codec.codec import Codec
from esc_tui.console.app import ConsoleApp
from esc_tui.console.drawing.spectrogram_image import ColorMap, SoundHistory
from esc_tui.console.widgets.event_log import EventLog
from esc_tui.options.demo import SPEECH_SAMPLE
from net.telemetry.stats import Role, StreamStats
from tests.esc_tui.console.fake_engine import FakeEngine, receiver_stats, sound
from tests.esc_tui.console.waiting import until
from tests.net.links import make_receiver, make_sender

TICK_S = 0.05
MEASURED_S = 10.0
SIZE = (200, 60)
START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late a 20 Hz timer on the console's loop was, in ms."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float


class CrowdedEngine(FakeEngine):
    """A receiver of eight streams."""

    def snapshots(self) -> tuple[StreamStats, ...]:
        """Streams that began one after another."""
        return tuple(receiver_stats(self.t_s - index, stream_id=f"s{index}") for index in range(8))


def console_lateness(codec: Codec) -> Lateness:
    """Stream the sample at the pace of speech under a large console."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_streaming(Path(folder), codec))


def crowded_lateness() -> Lateness:
    """Show 10,000 events and eight streams whose time runs, and filter the events, without any engine at work."""
    return asyncio.run(_crowded())


def spectrogram_ms() -> float:
    """CPU time to draw one second of a large spectrogram, 8 times a second, the best of some tries."""
    plain = Style.null()
    colors = ColorMap.for_theme(Color.parse("#000000"), dark=True, is_shaded=False, shade=plain, cursor=plain)

    def a_second(start_s: float) -> float:
        sounds = [sound(start_s + tick / 8) for tick in range(8)]
        history, begin_s = SoundHistory(), time.process_time()
        for passing in sounds:
            history.push(passing)
            image = history.image(90, 16)
            for y in range(0, len(image), 2):
                colors.segments(image[y], image[y + 1])
        return (time.process_time() - begin_s) * 1000

    return min(a_second(20.0 + repeat) for repeat in range(5))


async def _crowded() -> Lateness:
    engine = CrowdedEngine(Role.RECEIVER)
    engine.run_live()
    for number in range(10_000):
        engine.say(f"event {number}")
    app = ConsoleApp([engine], title="bench")
    async with app.run_test(size=SIZE) as pilot:
        log = app.screen.query_one(EventLog)
        await until(pilot, lambda: log.shown_count == len(engine.events))
        filtering = asyncio.create_task(pilot.press("slash", *"999"))
        lateness = await _lateness()
        await filtering
        return lateness


async def _streaming(folder: Path, codec: Codec) -> Lateness:
    receiver = make_receiver(folder, codec, once=True)
    sender = make_sender(SPEECH_SAMPLE, receiver.port, codec, plan=ChunkPlan(), realtime=True)
    async with ConsoleApp([sender, receiver], title="bench").run_test(size=SIZE):
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not sender.snapshots()[0].audio_s and time.monotonic() < deadline_s:
            await asyncio.sleep(TICK_S)
        return await _lateness()


async def _lateness() -> Lateness:
    late_ms = []
    for _ in range(round(MEASURED_S / TICK_S)):
        due_s = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        late_ms.append((time.perf_counter() - due_s) * 1000)
    return Lateness(*(float(share) for share in np.percentile(late_ms, (50, 95, 99, 100))))
