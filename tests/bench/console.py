"""How late the console's own time comes while both engines work in its process."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.chunks.plan import ChunkPlan
from codec.codec import Codec
from esc_tui.console.app import ConsoleApp
from esc_tui.options.demo import SPEECH_SAMPLE
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


def console_lateness(codec: Codec) -> Lateness:
    """Stream the sample at the pace of speech under a large console."""
    with tempfile.TemporaryDirectory() as folder:
        late_ms = asyncio.run(_measure(Path(folder), codec))
    return Lateness(*(float(share) for share in np.percentile(late_ms, (50, 95, 99, 100))))


async def _measure(folder: Path, codec: Codec) -> list[float]:
    receiver = make_receiver(folder, codec, once=True)
    sender = make_sender(SPEECH_SAMPLE, receiver.port, codec, plan=ChunkPlan(), realtime=True)
    late_ms = []
    async with ConsoleApp([sender, receiver], title="bench").run_test(size=SIZE):
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not sender.snapshots()[0].audio_s and time.monotonic() < deadline_s:
            await asyncio.sleep(TICK_S)
        for _ in range(round(MEASURED_S / TICK_S)):
            due_s = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            late_ms.append((time.perf_counter() - due_s) * 1000)
    return late_ms
