"""Decoding alone: what is missing, what stands for it, and when sound was captured."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan
from codec.codec import Codec
from codec.container import EscReader
from codec.files.in_memory import compress, decompress
from net.errors import RemoteProtocolError
from net.protocol.messages import End, Hello
from net.receiver.decoding import GAP_S, ChunkDecoder
from net.receiver.resume_checkpoint import Position
from net.telemetry.meters import CodecMeter
from tests.clock import FakeClock
from tests.net.links import PLAN
from tests.net.receiver.test_hostile_peers import hello_for

SAMPLES = 20_001
SOUND = np.random.default_rng(0).normal(0, 0.1, SAMPLES).astype(np.float32)


@pytest.fixture
def chunks(tmp_path: Path, tiny_codec: Codec) -> list[PackedChunk]:
    path = tmp_path / "in.esc"
    path.write_bytes(compress(SOUND, tiny_codec, plan=PLAN))
    with EscReader(path) as reader:
        return [chunk for chunk in reader.chunks() if chunk is not None]


def decoder_from(codec: Codec, hello: Hello, *, chunks: int = 0, samples: int = 0) -> ChunkDecoder:
    start = Position("", 0, 0, "", "in.wav", chunks=chunks, samples=samples)
    return ChunkDecoder(hello, codec, start, None, CodecMeter("decode", hello.sample_rate, FakeClock()))


def decoded(decoder: ChunkDecoder, chunks: list[PackedChunk]) -> np.ndarray:
    parts = []
    for chunk in chunks:
        assert not decoder.missing_before(chunk)
        if contribution := decoder.decode(chunk):
            parts.append(contribution.audio)
    return np.concatenate([*parts, decoder.finish().audio])


def test_sound_is_that_of_the_codes(tmp_path: Path, tiny_codec: Codec, chunks: list[PackedChunk]) -> None:
    """Chunk by chunk it is what the stored file decodes to."""
    sound = decoded(decoder_from(tiny_codec, hello_for(tiny_codec, PLAN)), chunks)
    np.testing.assert_array_equal(sound, decompress(tmp_path / "in.esc", tiny_codec))


def test_what_was_saved_before_is_decoded_and_not_returned(
    tmp_path: Path, tiny_codec: Codec, chunks: list[PackedChunk]
) -> None:
    """After a restart one chunk is decoded again for the state that it leaves; then the sound goes on at the sample."""
    kept = 3 * PLAN.hop_samples
    hello = replace(hello_for(tiny_codec, PLAN), resume=True)
    decoder = decoder_from(tiny_codec, hello, chunks=3, samples=kept)
    sound = decoded(decoder, chunks[3 - decoder.history_chunks :])
    np.testing.assert_array_equal(sound, decompress(tmp_path / "in.esc", tiny_codec)[kept:])


def test_silence_stands_for_missing_chunks(tiny_codec: Codec, chunks: list[PackedChunk]) -> None:
    """Within the stream and at its end, so that all sound is at its place and the whole is as long as END says."""
    decoder = decoder_from(tiny_codec, hello_for(tiny_codec, PLAN))
    end = End(PLAN.chunk_count(SAMPLES), SAMPLES, True)
    assert decoder.missing_before(chunks[2]) == range(2)
    parts = [*decoder.silence(decoder.missing_before(chunks[2])), decoder.decode(chunks[2])]
    missing = decoder.missing_at_end(end)
    assert missing == range(3, end.chunks)
    parts += [*decoder.silence(missing, end), decoder.finish()]
    assert sum(len(part.audio) for part in parts if part) == SAMPLES


@pytest.mark.parametrize("apart", [True, False])
def test_an_hour_of_silence_comes_in_pieces(tiny_codec: Codec, apart: bool) -> None:
    """Long ones for a single file, chunk by chunk where each has a file of its own or is played."""
    plan = ChunkPlan(320, 0)
    decoder = decoder_from(tiny_codec, hello_for(tiny_codec, plan))
    chunks = 60 * 50
    end = End(chunks, chunks * 320, True)
    pieces = list(decoder.silence(decoder.missing_at_end(end), end, chunk_by_chunk=apart))
    assert len(pieces) == (chunks if apart else 60 / GAP_S)
    assert pieces[-1].index == chunks - 1
    assert sum(len(piece.audio) for piece in pieces) == chunks * 320


def test_what_another_receiver_has_is_not_missing(tiny_codec: Codec, chunks: list[PackedChunk]) -> None:
    """A sender that resumes a stream of which nothing is here begins in its middle."""
    decoder = decoder_from(tiny_codec, replace(hello_for(tiny_codec, PLAN), resume=True))
    assert not decoder.missing_at_end(End(PLAN.chunk_count(SAMPLES), SAMPLES, True))
    assert not decoder.missing_before(chunks[4])
    assert decoder.decode(chunks[4]) is not None
    assert decoder.missing_before(chunks[6]) == range(5, 6)


def test_capture_times_are_those_of_the_last_sample_returned(tiny_codec: Codec, chunks: list[PackedChunk]) -> None:
    """The overlap of a chunk is held back, and so is its time."""
    decoder = decoder_from(tiny_codec, hello_for(tiny_codec, PLAN))
    assert decoder.capture_s is None
    decoder.missing_before(chunks[0])
    decoder.decode(
        PackedChunk(
            index=0,
            samples=chunks[0].samples,
            num_streams=chunks[0].num_streams,
            payload=chunks[0].payload,
            capture_s=5.0,
        )
    )
    assert decoder.capture_s == pytest.approx(5.0 - PLAN.overlap_samples / 16000)


def test_broken_codes_are_the_senders_fault(tiny_codec: Codec, chunks: list[PackedChunk]) -> None:
    """They name the chunk."""
    decoder = decoder_from(tiny_codec, hello_for(tiny_codec, PLAN))
    broken = PackedChunk(index=7, samples=chunks[0].samples, num_streams=6, payload=b"")
    with pytest.raises(RemoteProtocolError, match="chunk 7"):
        decoder.decode(broken)
