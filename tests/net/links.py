"""Two engines over loopback with a small model, for tests of both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from codec.chunks.plan import ChunkPlan
from codec.chunks.streaming import chunker_for, decoder_for, encode_chunk
from codec.codec import Codec
from codec.sound.reading import AudioReader
from codec.sound.wav import to_pcm16
from codec.types import Audio
from net.engine import Engine
from net.receiver.engine import Receiver
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.sender.engine import Sender
from net.settings import ReceiverSettings, SenderSettings

PLAN = ChunkPlan(chunk_samples=3200, overlap_samples=320)
DEADLINE_S = 30.0


def write_speech(path: Path, samples: int, rate: int = 16000, channels: int = 1) -> Path:
    """Write something that moves like speech: noise in syllables."""
    rng = np.random.default_rng(samples)
    time_s = np.arange(samples)[:, None] / rate
    audio = rng.standard_normal((samples, channels)) * 0.1 * (1 + np.sin(2 * np.pi * 3 * time_s))
    soundfile.write(path, audio.astype(np.float32), rate)
    return path


def locally_coded(
    path: Path, codec: Codec, plan: ChunkPlan = PLAN, num_streams: int = 6, most_chunks: int | None = None
) -> Audio:
    """What the same chunks (of a long sound, the first ones) give without a link, as 16-bit samples."""
    chunker, decoder = chunker_for(codec, plan), decoder_for(codec, plan)
    with AudioReader(path) as reader:
        chunks = [chunk for block in reader.blocks() for chunk in chunker.push(block)] + chunker.finish()
    parts = [decoder.push(encode_chunk(codec, chunk, num_streams)).audio for chunk in chunks[:most_chunks]]
    return to_pcm16(np.concatenate([*parts, decoder.finish().audio]))


def read_pcm16(path: Path | str) -> Audio:
    pcm, rate = soundfile.read(path, dtype="int16")
    assert rate == 16000
    return pcm


@contextmanager
def running(*engines: Engine) -> Iterator[None]:
    """Start engines; stop them at the end, whatever happened, and hold that no thread is left."""
    try:
        for engine in engines:
            engine.start()
        yield
    finally:
        survivors = [name for engine in engines for name in engine.stop(10.0)]
    assert survivors == []


def make_receiver(folder: Path, codec: Codec, **changes: object) -> Receiver:
    settings = ReceiverSettings(port=0, save_path=folder, host="127.0.0.1")
    receiver = Receiver(replace(settings, **changes), codec=codec)  # type: ignore[arg-type]
    receiver.listen()
    return receiver


def make_sender(path: Path, port: int, codec: Codec, clock: Clock = SYSTEM_CLOCK, **changes: object) -> Sender:
    settings = SenderSettings(input=path, host="127.0.0.1", port=port, plan=PLAN)
    return Sender(replace(settings, **changes), codec=codec, clock=clock)  # type: ignore[arg-type]
