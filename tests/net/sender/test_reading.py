"""The reading stages alone: what they wait for, what they queue, and that they close their source."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codec import compress
from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan, SoundChunk
from codec.codec import Codec
from net.protocol.messages import End
from net.runtime.queues import PipelineStopped, StageQueue
from net.sender.esc_source import EscSource
from net.sender.rate_controller import RateController
from net.sender.reading import CodesReader, SoundReader
from net.sender.send_buffer import SendBuffer
from net.sender.source_control import SourceControl
from net.sender.sources import SAMPLE_RATE, SourceBlock
from net.settings import MicrophoneSettings, SenderSettings
from tests.clock import FakeClock
from tests.net.contexts import sender_context

PLAN = ChunkPlan(3200, 320)
BLOCK = 1600


class ScriptedSource:
    """Gives blocks of a tenth of a second of noise; each is captured when the one before was."""

    name = "scripted"
    total_samples: int | None = None

    def __init__(self, blocks: int, *, live: bool = False, captured_s: float = 100.0) -> None:
        self.live = live
        self.sound = np.random.default_rng(0).normal(0, 0.1, blocks * BLOCK).astype(np.float32)
        self.skipped = self.given = 0
        self.closed = False
        self._captured_s = captured_s

    def blocks(self, stopping: threading.Event, first_sample: int = 0) -> Iterator[SourceBlock]:
        self.skipped = first_sample
        for start in range(self.skipped, len(self.sound), BLOCK):
            if stopping.is_set():
                return
            audio = self.sound[start : start + BLOCK]
            self.given += 1
            yield SourceBlock(audio, self._captured_s + (start + len(audio)) / SAMPLE_RATE)

    def close(self) -> None:
        self.closed = True


class Desk:
    """A reader of a scripted source, and what it queues."""

    def __init__(self, source: ScriptedSource, clock: FakeClock) -> None:
        self.source = source
        self.control = SourceControl(clock)
        self.context = sender_context(clock)
        self.queue: StageQueue[SoundChunk] = StageQueue("encode", 1000)
        settings = SenderSettings(microphone=MicrophoneSettings(), plan=PLAN)
        self.reader = SoundReader(
            source, settings, self.no_codec, self.queue, control=self.control, context=self.context
        )

    @staticmethod
    def no_codec() -> Codec:
        raise AssertionError

    def read(self, first_chunk: int = 0) -> list[SoundChunk]:
        self.control.accept(first_chunk)
        self.reader.run()
        return list(self.queue)


def test_a_file_becomes_the_chunks_of_the_plan_with_their_capture_times(clock: FakeClock) -> None:
    """Each chunk was captured when its last sample was, also where the block that completes it reaches beyond it."""
    desk = Desk(ScriptedSource(10), clock)
    chunks = desk.read()
    assert [chunk.index for chunk in chunks] == list(range(PLAN.chunk_count(10 * BLOCK)))
    for chunk in chunks:
        stop = PLAN.start(chunk.index) + chunk.samples
        np.testing.assert_array_equal(chunk.audio, desk.source.sound[PLAN.start(chunk.index) : stop])
        assert chunk.captured_s == pytest.approx(100.0 + stop / SAMPLE_RATE)
    assert desk.context.meters.counts("read", "samples") == {"read": len(chunks), "samples": 10 * BLOCK}
    assert desk.source.closed


def test_a_file_waits_for_a_receiver_and_begins_where_it_says(clock: FakeClock) -> None:
    """Nothing is read before that, and what an earlier sender has sent is skipped but counted."""
    desk = Desk(ScriptedSource(10), clock)
    thread = threading.Thread(target=desk.reader.run)
    thread.start()
    assert desk.source.given == 0
    desk.control.accept(2)
    desk.control.accept(0)  # a second receiver does not count
    thread.join(5)
    assert desk.source.skipped == PLAN.start(2)
    assert next(chunk.index for chunk in desk.queue) == 2
    assert desk.context.meters["read"] == PLAN.chunk_count(10 * BLOCK)
    assert desk.context.meters["samples"] == 10 * BLOCK


def test_live_sound_is_dropped_until_a_receiver_accepts(clock: FakeClock) -> None:
    """It is measured for the console, but what was spoken before belongs to nobody."""
    source = ScriptedSource(10, live=True)
    desk = Desk(source, clock)
    act_at(source, 4, lambda: desk.control.accept(0))
    desk.reader.run()
    first = next(iter(desk.queue))
    np.testing.assert_array_equal(first.audio, source.sound[4 * BLOCK :][: PLAN.chunk_samples])
    assert desk.context.meters["samples"] == 6 * BLOCK
    assert desk.context.meters.sound.stats().column_count > 0


def test_live_sound_is_dropped_during_a_pause(clock: FakeClock) -> None:
    """A microphone is read on, and nothing of it is sent."""
    source = ScriptedSource(10, live=True)
    desk = Desk(source, clock)
    act_at(source, 5, lambda: desk.control.set_paused(True))
    desk.read()
    assert desk.context.meters["samples"] == 5 * BLOCK
    assert source.given == 10


def act_at(source: ScriptedSource, block: int, act: Callable[[], None]) -> None:
    """Run `act` when so many blocks were given."""
    blocks = source.blocks

    def watched(stopping: threading.Event, first_sample: int = 0) -> Iterator[SourceBlock]:
        for count, each in enumerate(blocks(stopping, first_sample)):
            if count == block:
                act()
            yield each

    source.blocks = watched  # type: ignore[method-assign]


def test_nothing_more_of_a_file_is_read_during_a_pause(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is not asked for another block."""
    desk = Desk(ScriptedSource(10), clock)
    resting = threading.Event()
    act_at(desk.source, 4, lambda: desk.control.set_paused(True))
    wait = desk.control._running.wait
    monkeypatch.setattr(desk.control._running, "wait", lambda: resting.set() or wait())
    thread = threading.Thread(target=desk.read)
    thread.start()
    assert resting.wait(5)
    assert desk.source.given == 5
    clock.advance(7.0)
    assert desk.source.given == 5
    desk.control.set_paused(False)
    thread.join(5)
    assert desk.source.given == 10


def test_muted_sound_is_silence_of_the_same_length(clock: FakeClock) -> None:
    """Time goes on; what is heard does not."""
    desk = Desk(ScriptedSource(10), clock)
    desk.control.set_muted(True)
    chunks = desk.read()
    assert sum(chunk.samples for chunk in chunks) - (len(chunks) - 1) * PLAN.overlap_samples == 10 * BLOCK
    assert not any(chunk.audio.any() for chunk in chunks)
    assert not any(chunk.has_voice for chunk in chunks)


def test_chunks_know_whether_there_is_voice_in_them(clock: FakeClock) -> None:
    """Noise of a loudness that is no background is voice; silence after it is none, once the hangover is over."""
    desk = Desk(ScriptedSource(20), clock)
    desk.source.sound[5 * BLOCK :] = 0
    voice = [chunk.has_voice for chunk in desk.read()]
    assert voice[0]
    assert not voice[-1]


@pytest.mark.parametrize("moment", ["before it is accepted", "while it is read"])
def test_a_source_that_is_stopped_is_closed(clock: FakeClock, moment: str) -> None:
    """Wherever reading was; what was read until then is still queued."""
    desk = Desk(ScriptedSource(10), clock)
    if moment == "before it is accepted":
        desk.control.stop()
        with pytest.raises(PipelineStopped):
            desk.reader.run()
    else:
        act_at(desk.source, 5, desk.control.stop)
        assert desk.read()[-1].captured_s == pytest.approx(100.0 + 5 * BLOCK / SAMPLE_RATE)
    assert desk.source.closed


def test_a_source_that_fails_is_closed(clock: FakeClock) -> None:
    """What was read before is still queued, and the error waits for the end of the stream."""
    desk = Desk(ScriptedSource(10), clock)

    def fail() -> None:
        raise OSError("gone")

    act_at(desk.source, 5, fail)
    chunks = desk.read()
    assert PLAN.start(chunks[-1].index) + chunks[-1].samples == 5 * BLOCK
    assert "gone" in str(desk.control.error)
    assert desk.control.stopped.is_set()
    assert desk.source.closed


def test_a_source_that_fails_before_anybody_listens_fails_at_once(clock: FakeClock) -> None:
    """Nobody has to be told: the error goes to the pipeline."""
    desk = Desk(ScriptedSource(10, live=True), clock)

    def fail() -> None:
        raise OSError("gone")

    act_at(desk.source, 5, fail)
    with pytest.raises(OSError, match="gone"):
        desk.reader.run()
    assert desk.source.closed


def test_stored_codes_go_to_the_send_buffer_as_they_are(tmp_path: Path, tiny_codec: Codec, clock: FakeClock) -> None:
    """From the chunk on that the receiver wants, in as many streams as the rate says; nothing is encoded."""
    sound = np.random.default_rng(0).normal(0, 0.1, 20001).astype(np.float32)
    (tmp_path / "in.esc").write_bytes(compress(sound, tiny_codec, plan=PLAN))
    context, control = sender_context(clock), SourceControl(clock)
    source = EscSource(tmp_path / "in.esc", context.events)
    buffer = SendBuffer(1000, 1000, clock)
    rate = RateController(6, buffer, context, adaptive=False, timely=False)
    rate.begin_stream(source.header, 1)
    rate.choose(2)
    control.accept(3)
    CodesReader(source, rate, buffer, control, context).run()
    buffer.finish(End(chunks=0, samples=0, complete=True))
    sent = drain(buffer)
    assert [chunk.index for chunk in sent] == list(range(3, source.chunk_count))
    assert {chunk.num_streams for chunk in sent} == {2}
    assert context.meters.counts("read", "encoded", "samples") == {
        "read": source.chunk_count,
        "encoded": source.chunk_count,
        "samples": len(sound),
    }


def drain(buffer: SendBuffer) -> list[PackedChunk]:
    """All chunks that wait, up to END."""
    chunks = []
    while (outgoing := buffer.next()) and isinstance(outgoing.message, PackedChunk):
        chunks.append(outgoing.message)
    return chunks
