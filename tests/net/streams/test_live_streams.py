"""Live speech over loopback: what is saved does not depend on who plays it, or on how it is cut."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec.chunks.plan import ChunkPlan, Stitching
from codec.chunks.streaming import chunker_for, decoder_for, encode_chunk
from codec.codec import Codec
from codec.sound.wav import to_pcm16
from codec.types import Audio
from net.audio.activity import HANGOVER_S
from net.audio.devices import AudioSystem
from net.live import DECODING_LOOKAHEAD_MS
from net.receiver.engine import Receiver
from net.runtime.clock import SYSTEM_CLOCK
from net.sender.engine import Sender
from net.sender.sources import SourceBlock
from net.settings import MicrophoneSettings, PlaybackSettings, ReceiverSettings, SenderSettings
from net.telemetry.stats import LinkState
from tests.conftest import WaitUntil
from tests.net.audio.fake_audio import FakeSounddevice
from tests.net.links import DEADLINE_S, read_pcm16, running

RATE = 16000
WORD, CYCLE = 6400, 24000


class ToldSource:
    """A microphone that hears what a test says."""

    live = True
    name = "told"
    total_samples: int | None = None

    def __init__(self) -> None:
        self._blocks: queue.SimpleQueue[Audio | None] = queue.SimpleQueue()

    def say(self, sound: Audio) -> None:
        for start in range(0, len(sound), 333):
            self._blocks.put(sound[start : start + 333])

    def end(self) -> None:
        self._blocks.put(None)

    def blocks(self, stopping: threading.Event, _first_sample: int = 0) -> Iterator[SourceBlock]:
        while not stopping.is_set():
            try:
                block = self._blocks.get(timeout=0.02)
            except queue.Empty:
                continue
            if block is None:
                return
            yield SourceBlock(block, SYSTEM_CLOCK.epoch_s())

    def close(self) -> None:
        pass


class Call:
    """A sender that hears what it is told, and a receiver whose speaker asks for sound only when the test says so."""

    def __init__(self, folder: Path, codec: Codec, plan: ChunkPlan, *, skip_silence: bool = False) -> None:
        self.source, self.speaker = ToldSource(), FakeSounddevice()
        settings = ReceiverSettings(host="127.0.0.1", port=0, save_path=folder, playback=PlaybackSettings(jitter_ms=50))
        self.receiver = Receiver(settings, codec=codec, audio_system=AudioSystem(self.speaker))
        self.receiver.listen()
        self.sender = Sender(
            SenderSettings(
                host="127.0.0.1",
                port=self.receiver.port,
                microphone=MicrophoneSettings(),
                plan=plan,
                lookahead_ms=0,
                skip_silence=skip_silence,
                queue_chunks=100,
            ),
            codec=codec,
            source=self.source,
        )


def speech(seconds: float) -> Audio:
    """Noise in words, with pauses between them that are nearly silent."""
    rng = np.random.default_rng(3)
    loud = np.arange(int(seconds * RATE)) % CYCLE < WORD
    return (rng.normal(0, 1, len(loud)).clip(-3, 3) * np.where(loud, 0.2, 1e-4)).astype(np.float32)


def coded_here(codec: Codec, plan: ChunkPlan, sound: Audio) -> Audio:
    chunker, decoder = chunker_for(codec, plan, 0), decoder_for(codec, plan, DECODING_LOOKAHEAD_MS * 16)
    chunks = [*chunker.push(sound), *chunker.finish()]
    parts = [decoder.push(encode_chunk(codec, chunk, 6)).audio for chunk in chunks]
    return to_pcm16(np.concatenate([*parts, decoder.finish().audio]))


PLANS = [ChunkPlan(2560, 320), ChunkPlan(1280, 0, Stitching.SEAMLESS), ChunkPlan(2560, 0, Stitching.SEAMLESS)]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_what_is_saved_depends_on_no_speaker(
    tmp_path: Path, tiny_codec: Codec, plan: ChunkPlan, wait_until: WaitUntil
) -> None:
    """A speaker that never asks for sound, a pause, mute and volume change nothing of what is saved, nor delay it."""
    call, sound = Call(tmp_path, tiny_codec, plan), speech(1.5)
    with running(call.receiver, call.sender):
        wait_until(lambda: call.sender.snapshots()[0].state is LinkState.STREAMING)
        call.source.say(sound[:RATE])
        wait_until(lambda: call.receiver.snapshots() and call.receiver.snapshots()[0].chunks.saved > 1)
        call.receiver.set_paused(True)
        call.receiver.set_muted(True)
        call.receiver.set_volume(0.5)
        call.source.say(sound[RATE:])
        call.source.end()
        assert call.sender.wait(DEADLINE_S)
        (stats,) = call.receiver.snapshots()
    assert call.sender.error is None
    assert stats.playback is not None
    assert (stats.playback.muted, stats.playback.volume, stats.playback.playing) == (True, 0.5, False)
    np.testing.assert_array_equal(read_pcm16(stats.files[0]), coded_here(tiny_codec, plan, sound))


@pytest.mark.parametrize("plan", PLANS[:2], ids=str)
def test_skipped_silence_keeps_the_time(
    tmp_path: Path, tiny_codec: Codec, plan: ChunkPlan, wait_until: WaitUntil
) -> None:
    """Words are where they were, and what is between them is as soft as it was."""
    call, sound = Call(tmp_path, tiny_codec, plan, skip_silence=True), speech(4)
    with running(call.receiver, call.sender):
        wait_until(lambda: call.sender.snapshots()[0].state is LinkState.STREAMING)
        call.source.say(sound)
        call.source.end()
        assert call.sender.wait(DEADLINE_S)
        (stats,) = call.receiver.snapshots()
    assert stats.chunks.silent > 1
    saved = read_pcm16(stats.files[0]) / 32768
    assert len(saved) == len(sound)
    at = np.arange(len(sound)) % CYCLE
    pause = (at > WORD + HANGOVER_S * RATE + plan.chunk_samples) & (at < CYCLE - plan.chunk_samples)
    assert saved[pause].std() == pytest.approx(1e-4, rel=0.3)
    whole = coded_here(tiny_codec, plan, sound) / 32768
    word = slice(CYCLE + 1600, CYCLE + WORD)
    assert np.corrcoef(saved[word], whole[word])[0, 1] > 0.99
