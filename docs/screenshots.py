"""Makes docs/console-*.svg from a real run: a sender and a receiver over loopback, the bundled model and sample.

Run by `make screenshots`.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"

from codec.chunks.plan import ChunkPlan, Stitching
from esc_tui.console.app import ConsoleApp
from esc_tui.options.demo import SPEECH_SAMPLE
from net.receiver.engine import Receiver
from net.sender.engine import Sender
from net.settings import ReceiverSettings, SenderSettings

SIZES = ((80, 24), (120, 40), (200, 60))
REPEATS = 5
STREAMED_S = 50.0
TIMEOUT_S = 120.0


def repeated_sample(folder: Path) -> Path:
    """The bundled sample, several times over: enough for a minute of charts."""
    audio, rate = soundfile.read(SPEECH_SAMPLE, dtype="float32")
    path = folder / "speech.flac"
    soundfile.write(path, np.tile(audio, REPEATS), rate)
    return path


async def take(folder: Path) -> None:
    """Stream for a while, then write the picture of each size."""
    receiver = Receiver(ReceiverSettings(port=0, save_path=folder, once=True))
    receiver.listen()
    plan = ChunkPlan(16000, 0, Stitching.SEAMLESS)
    sender = Sender(SenderSettings(input=repeated_sample(folder), port=receiver.port, plan=plan, realtime=True))
    app = ConsoleApp([sender, receiver], title="demo · loopback")
    async with app.run_test(size=SIZES[-1]) as pilot:
        deadline_s = time.monotonic() + TIMEOUT_S
        while sender.snapshots()[0].audio_s < STREAMED_S and time.monotonic() < deadline_s:
            await pilot.pause(0.1)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            await pilot.pause(1.0)
            target = Path(__file__).parent / f"console-{width}x{height}.svg"
            target.write_text(app.export_screenshot(), encoding="utf-8")
            print(target)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(take(Path(temporary)))
