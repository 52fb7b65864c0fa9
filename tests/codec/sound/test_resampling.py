import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.sound.resampling import LiveResampler, Resampler, resample, resampled_length
from codec.types import Audio

RATES = [(44100, 16000), (48000, 16000), (8000, 16000), (22050, 16000), (16000, 48000), (44101, 16000), (16000, 16000)]


def noise(*shape: int) -> Audio:
    return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)


def tone(hz: float, rate: int, samples: int) -> Audio:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(samples) / rate)).astype(np.float32)


def in_blocks(sound: Audio, rate: int, new_rate: int, lengths: list[int]) -> Audio:
    resampler, parts, start = Resampler(rate, new_rate, len(sound) if sound.ndim > 1 else None), [], 0
    for length in lengths:
        parts.append(resampler.push(sound[..., start : start + length]))
        start += length
    return np.concatenate([*parts, resampler.push(sound[..., start:]), resampler.finish()], axis=-1)


def level_db(sound: Audio) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(sound, dtype=np.float64))) * 2**0.5 / 0.5 + 1e-9))


@settings(max_examples=40)
@given(st.sampled_from(RATES), st.lists(st.integers(0, 1500), max_size=12), st.integers(0, 3000))
def test_blocks_of_any_length_give_what_one_pass_gives(rates: tuple[int, int], lengths: list[int], rest: int) -> None:
    """Empty, tiny and odd blocks, joined, are the whole, bit for bit and of the exact length."""
    sound = noise(sum(lengths) + rest)
    whole = resample(sound, *rates)
    assert whole.dtype == np.float32
    assert len(whole) == resampled_length(len(sound), *rates)
    assert np.array_equal(in_blocks(sound, *rates, lengths), whole)


@pytest.mark.parametrize(("rate", "new_rate"), RATES)
def test_channels_do_not_mix(rate: int, new_rate: int) -> None:
    """Three channels come out as each would alone."""
    sound = noise(3, 5001)
    together = in_blocks(sound, rate, new_rate, [1, 700, 0, 3000])
    assert np.array_equal(together, np.stack([resample(channel, rate, new_rate) for channel in sound]))


@pytest.mark.parametrize(
    ("rate", "new_rate"),
    [(1, 16000), (7, 16000), (192000, 16000), (1_000_003, 16000), (10_000_000, 16000), (16000, 1), (16000, 384_000)],
)
@pytest.mark.parametrize("samples", [0, 1, 2, 100])
def test_any_rate_gives_the_exact_length(rate: int, new_rate: int, samples: int) -> None:
    """However low or high a rate and however short a sound, no sample is missing or too many."""
    assert len(resample(noise(samples), rate, new_rate)) == resampled_length(samples, rate, new_rate)


@pytest.mark.parametrize(("rate", "new_rate"), RATES[:5])
def test_tones_below_the_band_edge_stay_in_place(rate: int, new_rate: int) -> None:
    """A tone comes out as the same tone at the new rate: level, phase and start are right, with nothing added."""
    for share in (0.01, 0.5, 0.9):
        hz = share * min(rate, new_rate) / 2
        sound = tone(hz, rate, rate)
        for resampled in (resample(sound, rate, new_rate), live(sound, rate, new_rate)):
            error = resampled - tone(hz, new_rate, len(resampled))
            assert level_db(error[new_rate // 4 : new_rate * 3 // 4]) < -55


@pytest.mark.parametrize(("rate", "new_rate"), [(44100, 16000), (48000, 16000), (22050, 16000)])
@pytest.mark.parametrize("above", [1.02, 1.1, 1.3])
def test_nothing_folds_into_the_band(rate: int, new_rate: int, above: float) -> None:
    """Tones above the new band are gone, to −100 dB."""
    resampled = resample(tone(8000 * above, rate, rate), rate, new_rate)
    assert level_db(resampled[2000:-2000]) < -100


def live(sound: Audio, rate: int, new_rate: int, block: int = 441) -> Audio:
    resampler = LiveResampler(rate, new_rate)
    return np.concatenate([resampler.push(sound[start : start + block]) for start in range(0, len(sound), block)])


@pytest.mark.parametrize(
    ("rate", "new_rate", "delay_ms"),
    [(48000, 16000, 7), (44100, 16000, 21), (8000, 16000, 13), (96000, 16000, 7), (16000, 48000, 7), (16000, 16000, 0)],
)
def test_live_sound_is_resampled_with_little_delay(rate: int, new_rate: int, delay_ms: float) -> None:
    """What has come is what the whole gives, to −90 dB, and less than a few milliseconds are held back."""
    sound = noise(rate)
    for block in (rate // 100, 777):
        resampler, given_samples = LiveResampler(rate, new_rate), 0
        parts = []
        for start in range(0, len(sound), block):
            parts.append(resampler.push(sound[start : start + block]))
            given_samples += len(parts[-1])
            came_s = min(len(sound), start + block) / rate
            assert came_s - given_samples / new_rate <= delay_ms / 1000
        resampled, whole = np.concatenate(parts), resample(sound, rate, new_rate)
        assert level_db(resampled - whole[: len(resampled)]) < -90
