"""The encoding stage alone: chunks of sound in, packed chunks in the send buffer out."""

import numpy as np
import pytest

from codec.chunks.bits import pack_codes
from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan, SoundChunk, Stitching
from codec.chunks.streaming import encode_chunk, history_chunks
from codec.codec import Codec
from codec.files.esc_chunks import header_for
from net.sender.encoding import Encoder, warm_up
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from tests.clock import FakeClock
from tests.net.contexts import sender_context

PLAN = ChunkPlan(3200, 320)


class Bench:
    """An encoder that fills a send buffer."""

    def __init__(self, codec: Codec, clock: FakeClock, *, skip_silence: bool = False) -> None:
        self.context = sender_context(clock)
        self.buffer = SendBuffer(100, 100, clock)
        self.rate = RateController(6, self.buffer, self.context, adaptive=False, timely=False)
        self.rate.begin_stream(header_for(codec, 6, PLAN), history_chunks(codec, PLAN))
        self.epoch_s = self.context.epoch_s
        self.encoder = Encoder(lambda: codec, self.rate, self.buffer, self.context, skip_silence=skip_silence)

    def encode(self, *chunks: SoundChunk) -> list[PackedChunk]:
        self.encoder.run(chunks)
        outgoing = [self.buffer.next() for _ in chunks]
        return [each.message for each in outgoing if each and isinstance(each.message, PackedChunk)]


def sound(index: int, captured_s: float = 0.0, *, has_voice: bool = True) -> SoundChunk:
    audio = np.random.default_rng(index).normal(0, 0.01, 3200).astype(np.float32)
    return SoundChunk(index, audio, captured_s=captured_s, has_voice=has_voice)


def test_chunks_are_coded_and_packed(tiny_codec: Codec, clock: FakeClock) -> None:
    """The payload holds the chunk's own codes, and the capture time counts from the stream's beginning."""
    bench = Bench(tiny_codec, clock)
    first, second = bench.encode(sound(0, bench.epoch_s + 0.2), sound(1, bench.epoch_s - 0.2))
    codes = encode_chunk(tiny_codec, sound(0), 6).codes
    assert first.payload == pack_codes(codes, tiny_codec.bits_per_code)
    assert (first.index, first.samples, first.num_streams, first.tail) == (0, 3200, 6, True)
    assert (first.capture_s, second.capture_s) == (pytest.approx(0.2), 0.0)


def test_the_number_of_streams_is_that_of_the_chunks_turn(tiny_codec: Codec, clock: FakeClock) -> None:
    """A choice takes effect at the next chunk that is encoded."""
    bench = Bench(tiny_codec, clock)
    streams = []
    for index, chosen in enumerate((6, 2, 5)):
        bench.rate.choose(chosen)
        streams += [chunk.num_streams for chunk in bench.encode(sound(index))]
    assert streams == [6, 2, 5]


@pytest.mark.parametrize("skip_silence", [True, False])
def test_what_holds_no_voice_is_announced_if_silence_is_skipped(
    tiny_codec: Codec, clock: FakeClock, skip_silence: bool
) -> None:
    """The announcement holds the level of the noise, no codes, and the chunk's place in time."""
    bench = Bench(tiny_codec, clock, skip_silence=skip_silence)
    spoken, silent = bench.encode(sound(0), sound(1, bench.epoch_s + 0.4, has_voice=False))
    assert spoken.silence_dbfs is None
    counts = bench.context.meters.counts("encoded", "silent")
    assert counts == {"encoded": 2, "silent": int(skip_silence)}
    if skip_silence:
        assert (silent.num_streams, silent.tail, silent.payload, silent.silence_dbfs) == (0, False, b"", -40)
        assert (silent.index, silent.samples, silent.capture_s) == (1, 3200, pytest.approx(0.4))
    else:
        assert silent.silence_dbfs is None


def test_the_time_from_capture_is_measured(tiny_codec: Codec, clock: FakeClock) -> None:
    """One latency a chunk, and the coding's costs."""
    bench = Bench(tiny_codec, clock)
    bench.encode(sound(0, clock.epoch_s() - 0.3), sound(1, clock.epoch_s() - 0.5))
    assert bench.context.meters.latencies["encoded"].stats().maximum_ms == pytest.approx(500)
    assert bench.context.meters.coding.stats().duration.count == 2


@pytest.mark.parametrize("plan", [PLAN, ChunkPlan(1600, 0, Stitching.SEAMLESS)], ids=str)
def test_warming_up_codes_every_length_once(
    tiny_codec: Codec, plan: ChunkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks near the beginning have less before them: each length is slow only the first time."""
    lengths = []

    def noted(codec: Codec, chunk: SoundChunk, num_streams: int) -> None:
        assert (codec, num_streams) == (tiny_codec, 3)
        lengths.append(len(chunk.before) + chunk.samples + len(chunk.after))

    monkeypatch.setattr("net.sender.encoding.encode_chunk", noted)
    warm_up(tiny_codec, plan, None, 3)
    assert lengths
    assert len(set(lengths)) == len(lengths)
