from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import Codec, compress, decompress
from codec.checkpoint import Checkpoint
from codec.chunks.bits import unpack_codes
from codec.chunks.plan import ChunkPlan
from codec.container import EscPacker
from codec.errors import ContainerError, DamagedChunk, ModelError, UsageError
from tests.codec.container.esc_files import opened
from tests.codec.models import TINY, random_network, small_config
from tests.codec.staircase import StaircaseCodec, staircase

PLANS = [None, ChunkPlan(16000, 1600), ChunkPlan(1600, 320), ChunkPlan(8001, 13)]
STAIRS = StaircaseCodec()


@pytest.fixture(scope="module")
def tiny() -> Codec:
    return Codec.load(TINY)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)


@pytest.mark.parametrize("plan", PLANS)
def test_every_length_comes_back_to_the_sample(plan):
    """From one sample to five seconds, in odd steps and around every edge, the sound has its length and its place."""
    edges = [edge + step for edge in (0, 320, 1600, 16000, 30400) for step in (-1, 0, 1) if edge + step > 0]
    for samples in [*range(1, 80000, 2477), *edges]:
        sound = staircase(samples)
        back = decompress(compress(sound, STAIRS, plan=plan), STAIRS)
        assert back.dtype == np.float32
        assert back.shape == sound.shape
        if plan is None or plan.hop_samples % 320 == 0:
            whole = samples // 320 * 320
            np.testing.assert_allclose(back[:whole], sound[:whole], atol=2e-3)


@settings(max_examples=30)
@given(st.integers(0, 40000), st.integers(1, 6), st.integers(1, 3), st.sampled_from(PLANS))
def test_codes_are_equal_through_the_container(samples, streams, channels, plan):
    """What is stored is what the codec made, for any length, streams, channels and chunks."""
    sound = np.stack([staircase(samples, seed) for seed in range(channels)])
    reader = opened(compress(sound, STAIRS, num_streams=streams, plan=plan))
    header = reader.header
    assert (reader.total_samples, header.num_streams, header.channels, reader.damage()) == (
        samples,
        streams,
        channels,
        (),
    )
    whole = [STAIRS.encode(np.pad(channel, (0, -samples % 320)), streams) for channel in sound]
    for channel in range(channels):
        for chunk in reader.chunks(channel):
            start, end = header.plan.start(chunk.index), header.plan.start(chunk.index) + chunk.samples
            frames = header.frames(chunk.samples, tail=chunk.tail)
            stored = unpack_codes(chunk.payload, streams, 3, frames, 10)
            alone = STAIRS.encode(np.pad(sound[channel, start:end], (0, -chunk.samples % 320)), streams)
            expected = alone if plan else whole[channel][:, :, start // 320 :][:, :, :frames]
            np.testing.assert_array_equal(stored, expected)


@pytest.mark.parametrize("streams", [1, 3, 6])
def test_a_whole_sound_is_what_one_pass_gives(tiny, streams):
    """Without a plan, codes and sound are those of encode and decode of the whole sound, bit for bit."""
    sound = noise(33333)
    codes = tiny.encode(np.pad(sound, (0, -len(sound) % 320)), streams)
    data = compress(sound, tiny, num_streams=streams)
    np.testing.assert_array_equal(decompress(data, tiny), tiny.decode(codes, samples=len(sound)))


def test_fewer_streams_can_be_decoded(tiny):
    """Decoding k of 6 streams equals decoding a file of k streams."""
    sound = noise(20000)
    fewer = decompress(compress(sound, tiny), tiny, num_streams=2)
    np.testing.assert_array_equal(fewer, decompress(compress(sound, tiny, num_streams=2), tiny))
    with pytest.raises(UsageError, match="has 6 streams"):
        decompress(compress(sound, tiny), tiny, num_streams=7)


def test_tensors_and_arrays_are_the_same(tiny):
    """A tensor, also one that wants gradients, gives the very same bytes."""
    sound = noise(2, 5000)
    assert compress(torch.tensor(sound, requires_grad=True), tiny) == compress(sound, tiny)


def test_channels_are_coded_by_themselves(tiny):
    """Two channels come back as two, each as if it were alone."""
    sound = noise(2, 20000)
    back = decompress(compress(sound, tiny, plan=ChunkPlan()), tiny)
    for channel in range(2):
        np.testing.assert_array_equal(back[channel], decompress(compress(sound[channel], tiny, plan=ChunkPlan()), tiny))


def test_other_rates_are_resampled(tiny):
    """A sound at another rate is coded at the model's, and the file remembers the rate."""
    reader = opened(compress(noise(44100), tiny, sample_rate=44100))
    assert (reader.total_samples, reader.header.source_rate) == (16000, 44100)


def test_samples_that_are_no_numbers_become_silence(tiny):
    """NaN and infinity do not reach the network."""
    sound = noise(5000)
    sound[100], sound[200] = np.nan, np.inf
    silent = np.where(np.isfinite(sound), sound, 0)
    assert compress(sound, tiny) == compress(silent, tiny)


@pytest.mark.parametrize("sound", [noise(2, 2, 2), np.zeros(100, np.int16), noise(100, 2), np.float32(1)])
def test_what_is_no_sound_is_refused(tiny, sound):
    """Shapes and types that are none are named."""
    with pytest.raises(UsageError, match="float"):
        compress(sound, tiny)


@pytest.mark.parametrize("plan", [None, ChunkPlan(1600, 320), ChunkPlan(1600, 0)])
def test_damage_is_named_or_concealed(plan):
    """A damaged chunk raises an error that names it; if errors are ignored, silence stands for it and for it alone."""
    sound = staircase(64000)
    data = bytearray(compress(sound, STAIRS, plan=plan))
    data[len(data) // 2] ^= 1
    with pytest.raises(DamagedChunk, match=r"chunk \d+ .* is damaged") as caught:
        decompress(bytes(data), STAIRS)
    back = decompress(bytes(data), STAIRS, ignore_errors=True)
    header = opened(bytes(data)).header
    start = header.plan.start(caught.value.index)
    silent = slice(start + header.overlap_samples, start + header.plan.hop_samples)
    assert len(back) == len(sound)
    assert not back[silent].any()
    before, after = slice(0, start - 80), slice(start + header.chunk_samples + 80, None)
    np.testing.assert_allclose(back[before], sound[before], atol=2e-3)
    np.testing.assert_allclose(back[after], sound[after], atol=2e-3)


@pytest.mark.parametrize("plan", [None, ChunkPlan(8000, 320)])
def test_a_cut_off_file_gives_the_sound_up_to_its_last_whole_chunk(plan):
    """What is whole of a cut-off file is decoded as it would have been."""
    sound = staircase(64000)
    data = compress(sound, STAIRS, plan=plan)
    cut = data[: len(data) * 2 // 3]
    back = decompress(cut, STAIRS)
    assert 32000 <= len(back) < 64000
    np.testing.assert_allclose(back, sound[: len(back)], atol=2e-3)


def test_another_models_file_is_refused(tiny):
    """Codes of another model would be noise: the error names both."""
    with pytest.raises(ModelError, match=r"staircase.*tiny"):
        decompress(compress(staircase(1000), STAIRS), tiny)
    with pytest.raises(ContainerError):
        decompress(b"RIFF", tiny)


def test_a_header_that_contradicts_the_model_is_refused(tiny):
    """A forged file with the model's fingerprint but other code frames, groups or bits is an error, not noise."""
    data = compress(noise(5000), tiny)
    header = opened(data).header
    for forged in ({"frame_samples": 160}, {"groups": 2}, {"bits_per_code": 9}, {"sample_rate": 8000}):
        packer = EscPacker(replace(header, **forged, total_samples=None))
        with pytest.raises(ContainerError, match=f"its {next(iter(forged))} is"):
            decompress(packer.start() + packer.finish(), tiny)


def test_files_can_be_read_from_disk(tiny, tmp_path):
    """A path does as well as bytes."""
    data = compress(noise(5000), tiny)
    (tmp_path / "a.esc").write_bytes(data)
    np.testing.assert_array_equal(decompress(tmp_path / "a.esc", tiny), decompress(data, tiny))


def test_a_model_with_other_code_frames_is_refused() -> None:
    """What links and files cannot count is said when the model is chosen, not found in the sound."""
    config = small_config()
    short = Codec(Checkpoint("short", config, random_network(config), "0" * 16))
    with pytest.raises(ModelError, match="'short' makes code frames of 32 samples"):
        compress(noise(16000), short)
