import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import whole
from codec.chunks import ChunkPlan
from codec.container import Stitching
from codec.inference import Codec
from codec.stored import header_for
from codec.streaming import CodedChunk
from tests.codec.staircase import StaircaseCodec, staircase

STAIRS = StaircaseCodec()


@pytest.fixture
def short_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans of 0.8 s, so that a short sound has several; the context stays as it is."""
    monkeypatch.setattr(whole, "SPAN_FRAMES", 40)


def encode(codec: Codec, sound: np.ndarray, block: int = 7001, chunk: int = 16000) -> list[CodedChunk]:
    header = header_for(codec, plan=ChunkPlan(chunk, 0), stitching=Stitching.SEAMLESS)
    encoder = whole.WholeEncoder(codec, header)
    blocks = [sound[start : start + block] for start in range(0, len(sound), block)]
    return [coded for part in blocks for coded in encoder.push(part)] + encoder.finish()


def decode(codec: Codec, chunks: list[CodedChunk], chunk: int = 16000) -> np.ndarray:
    header = header_for(codec, plan=ChunkPlan(chunk, 0), stitching=Stitching.SEAMLESS)
    decoder = whole.WholeDecoder(codec, header)
    return np.concatenate([*(decoder.push(coded).audio for coded in chunks), decoder.finish().audio])


@pytest.mark.parametrize("chunk", [16000, 960])
@pytest.mark.usefixtures("short_spans")
def test_spans_give_what_one_pass_gives(tiny_codec: Codec, chunk: int) -> None:
    """Span by span, codes and sound are those of one pass over the whole sound, bit for bit."""
    sound = np.random.default_rng(0).normal(0, 0.1, 50001).astype(np.float32)
    codes = tiny_codec.encode(np.pad(sound, (0, -len(sound) % 320)))
    chunks = encode(tiny_codec, sound, chunk=chunk)
    np.testing.assert_array_equal(np.concatenate([coded.codes for coded in chunks], axis=2), codes)
    np.testing.assert_array_equal(decode(tiny_codec, chunks, chunk), tiny_codec.decode(codes, samples=len(sound)))


@settings(max_examples=30)
@given(st.integers(0, 90000), st.integers(1, 20000), st.sampled_from([320, 960, 16000]))
def test_any_length_in_any_blocks_comes_back(samples: int, block: int, chunk: int) -> None:
    """Lengths, blocks and chunks that end anywhere leave nothing out, and the last chunk alone has the tail."""
    patched = pytest.MonkeyPatch()
    patched.setattr(whole, "SPAN_FRAMES", 40)
    try:
        sound = staircase(samples)
        chunks = encode(STAIRS, sound, block, chunk)
        back = decode(STAIRS, chunks, chunk)
    finally:
        patched.undo()
    assert [coded.index for coded in chunks] == list(range(-(-samples // chunk)))
    assert [coded.tail for coded in chunks] == [False] * (len(chunks) - 1) + [True] * bool(chunks)
    assert len(back) == samples
    whole_frames = samples // 320 * 320
    np.testing.assert_allclose(back[:whole_frames], sound[:whole_frames], atol=2e-3)


@pytest.mark.usefixtures("short_spans")
def test_no_more_than_a_span_is_kept() -> None:
    """However long the sound, what waits is bounded, in the encoder and in the decoder."""
    header = header_for(STAIRS, plan=ChunkPlan(16000, 0), stitching=Stitching.SEAMLESS)
    encoder, decoder = whole.WholeEncoder(STAIRS, header), whole.WholeDecoder(STAIRS, header)
    ahead, longest = 0, (40 + 2 * 32) * 320 + 2 * 16000
    for _ in range(30):
        ahead += 16000
        for coded in encoder.push(staircase(16000)):
            ahead -= coded.samples
            decoder.push(coded)
        assert ahead <= longest
        assert len(encoder._audio) <= longest
        assert decoder._code_frames() * 320 <= longest


@pytest.mark.usefixtures("short_spans")
def test_gaps_are_silent_and_faded() -> None:
    """A missing chunk is silence of its length, towards which its neighbours fade; nothing else changes or moves."""
    sound = staircase(96000)
    chunks = encode(STAIRS, sound)
    header = header_for(STAIRS, plan=ChunkPlan(16000, 0), stitching=Stitching.SEAMLESS)
    decoder = whole.WholeDecoder(STAIRS, header)
    parts = [decoder.push_silence(2, 16000) if coded.index == 2 else decoder.push(coded) for coded in chunks]
    back = np.concatenate([*(part.audio for part in parts), decoder.finish().audio])
    assert len(back) == len(sound)
    assert not back[32000:48000].any()
    for kept in (slice(0, 31920), slice(48080, 96000)):
        np.testing.assert_allclose(back[kept], sound[kept], atol=2e-3)
    assert np.all(np.abs(back[31920:32000]) <= np.abs(sound[31920:32000]) + 2e-3)
    assert back[31999] == back[48000] == 0
