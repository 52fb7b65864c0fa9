import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.chunks.plan import Chunker, ChunkPlan, SoundChunk
from codec.chunks.stitching import Stitcher
from codec.errors import UsageError
from codec.types import Audio


@st.composite
def plans(draw: st.DrawFn) -> ChunkPlan:
    chunk = draw(st.integers(320, 2000))
    return ChunkPlan(chunk, draw(st.integers(0, chunk // 2)))


def ramp(samples: int) -> Audio:
    """A sound whose every sample tells its own position."""
    return np.arange(1, samples + 1, dtype=np.float32)


def cut(audio: Audio, plan: ChunkPlan, block_lengths: list[int]) -> list[SoundChunk]:
    """All chunks of `audio`, pushed in blocks of these lengths, repeated as needed."""
    chunker, chunks, at, turn = Chunker(plan), [], 0, 0
    while at < len(audio):
        length = block_lengths[turn % len(block_lengths)]
        chunks += chunker.push(audio[at : at + length])
        at, turn = at + length, turn + 1
    return chunks + chunker.finish()


def stitch(chunks: list[SoundChunk], plan: ChunkPlan) -> Audio:
    stitcher = Stitcher(plan)
    return np.concatenate([*(stitcher.push(chunk.audio) for chunk in chunks), stitcher.finish()])


@given(plans(), st.integers(0, 9000), st.lists(st.integers(1, 5000), min_size=1, max_size=4))
def test_chunks_hold_the_samples_of_the_plan(plan, total, block_lengths):
    """Whatever the blocks, chunk i holds exactly [i·hop, i·hop + chunk), and as many chunks come as the plan counts."""
    audio = ramp(total)
    chunks = cut(audio, plan, block_lengths)
    assert [chunk.index for chunk in chunks] == list(range(plan.chunk_count(total)))
    for chunk in chunks:
        start = plan.start(chunk.index)
        np.testing.assert_array_equal(chunk.audio, audio[start : start + plan.chunk_samples])
        assert chunk.samples == len(chunk.audio)


@given(plans(), st.integers(1, 9000))
def test_the_last_chunk_is_there_and_holds_more_than_overlap(plan, total):
    """The end of the sound is never lost, and no chunk repeats only what its neighbour holds already."""
    last = cut(ramp(total), plan, [700])[-1]
    assert last.audio[-1] == total
    assert last.index == 0 or last.samples > plan.overlap_samples


@given(plans(), st.integers(0, 9000), st.lists(st.integers(1, 5000), min_size=1, max_size=4))
def test_stitching_gives_the_sound_back_to_the_sample(plan, total, block_lengths):
    """Cut and stitched, an unchanged sound has its length and, up to rounding, its samples: nothing moves."""
    audio = ramp(total)
    stitched = stitch(cut(audio, plan, block_lengths), plan)
    assert stitched.dtype == np.float32
    np.testing.assert_allclose(stitched, audio, rtol=1e-6)


@given(plans(), st.integers(1, 9000))
def test_contributions_end_where_the_next_chunk_begins(plan, total):
    """Each push gives what is final: the sound up to the start of its chunk's overlap with the next, no more."""
    stitcher, given_samples = Stitcher(plan), 0
    for chunk in cut(ramp(total), plan, [700]):
        given_samples += len(stitcher.push(chunk.audio))
        assert given_samples == max(0, plan.start(chunk.index) + chunk.samples - plan.overlap_samples)
    assert given_samples + len(stitcher.finish()) == total


def test_live_sound_is_sent_once():
    """Blocks of 20 ms, as a microphone gives them, make each chunk once: no sample outside overlaps comes twice."""
    plan = ChunkPlan(16000, 1600)
    chunks = cut(ramp(16000 * 5), plan, [320])
    news = np.concatenate([chunks[0].audio, *(chunk.audio[plan.overlap_samples :] for chunk in chunks[1:])])
    np.testing.assert_array_equal(news, ramp(16000 * 5))


def test_a_chunk_comes_as_soon_as_it_is_full():
    """No sample beyond the chunk's last is waited for: that would be latency."""
    chunker = Chunker(ChunkPlan(1000, 100))
    assert chunker.push(ramp(999)) == []
    assert [chunk.index for chunk in chunker.push(ramp(1))] == [0]
    assert chunker.push(ramp(899)) == []
    assert [chunk.index for chunk in chunker.push(ramp(1))] == [1]


def test_a_chunk_keeps_its_samples():
    """A chunk that waits in a queue is not overwritten by the sound that follows."""
    chunker = Chunker(ChunkPlan(400, 100))
    first = chunker.push(ramp(400))[0]
    chunker.push(np.zeros(4000, np.float32))
    np.testing.assert_array_equal(first.audio, ramp(400))


@pytest.mark.parametrize("total", [0, 100, 1000, 1900, 1901, 2500])
def test_finish_empties_the_chunker(total):
    """After finish, nothing of the sound is left to come out once more."""
    chunker = Chunker(ChunkPlan(1000, 100))
    chunker.push(ramp(total))
    chunker.finish()
    assert chunker.finish() == []


@pytest.mark.parametrize(
    ("total", "count"), [(-5, 0), (0, 0), (1, 1), (1000, 1), (1001, 2), (1900, 2), (1901, 3), (2800, 3)]
)
def test_chunk_count_at_its_edges(total, count):
    """A sound that ends where a chunk ends needs no further one."""
    assert ChunkPlan(1000, 100).chunk_count(total) == count


def test_changed_chunks_are_cross_faded_with_weights_that_add_to_one():
    """Over the overlap the first chunk fades out as the second fades in: ones and zeros make the weights visible."""
    stitcher = Stitcher(ChunkPlan(400, 100))
    ones, zeros = np.ones(400, np.float32), np.zeros(400, np.float32)
    first = stitcher.push(ones)
    np.testing.assert_array_equal(first, np.ones(300))
    faded = stitcher.push(zeros)[:100]
    np.testing.assert_allclose(faded + faded[::-1], 1, atol=1e-6)
    assert np.all(np.diff(faded) < 0)
    other = Stitcher(ChunkPlan(400, 100))
    other.push(zeros)
    np.testing.assert_allclose(faded + other.push(ones)[:100], 1, atol=1e-6)


def test_without_overlap_chunks_are_put_end_to_end():
    """Overlap 0 gives every chunk back at once and holds nothing."""
    stitcher = Stitcher(ChunkPlan(400, 0))
    np.testing.assert_array_equal(stitcher.push(ramp(400)), ramp(400))
    assert len(stitcher.finish()) == 0


def test_stitching_leaves_its_input_as_it_was():
    """The decoded chunk belongs to the caller, who may show or save it too."""
    stitcher = Stitcher(ChunkPlan(400, 100))
    decoded = [np.ones(400, np.float32), np.ones(400, np.float32)]
    out = [stitcher.push(audio) for audio in decoded]
    out[1][:] = 7
    stitcher.finish()[:] = 7
    for audio in decoded:
        np.testing.assert_array_equal(audio, np.ones(400))


def test_a_chunk_shorter_than_the_overlap_cannot_follow():
    """It cannot be faded, which is an error."""
    stitcher = Stitcher(ChunkPlan(400, 100))
    stitcher.push(ramp(400))
    with pytest.raises(ValueError, match="shorter than the overlap of 100"):
        stitcher.push(ramp(99))


@pytest.mark.parametrize(
    ("chunk", "overlap"), [(319, 0), (0, 0), (480001, 0), (16000, -1), (16000, 8001), (16000, 16000)]
)
def test_plans_that_cannot_work_are_refused(chunk, overlap):
    """The error names the value and the range."""
    with pytest.raises(UsageError, match=r"must be .* not -?\d+"):
        ChunkPlan(chunk, overlap)
