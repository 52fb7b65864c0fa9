import sys

import numpy as np
import pytest

from codec.errors import UsageError
from codec.evaluation.metrics import mel_distance, pesq_wb, si_sdr_db, stoi
from codec.types import Audio
from tests.conftest import needs_metrics

RATE = 16000


@pytest.fixture
def speech() -> Audio:
    """A second and a half of something like vowels: harmonics of a gliding pitch that swell and fade."""
    time_s = np.arange(3 * RATE // 2) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 30 * np.sin(6 * time_s)) / RATE
    voice = sum(np.sin(order * pitch) / order for order in range(1, 25))
    return (0.1 * voice * (0.55 + 0.45 * np.sin(25 * time_s))).astype(np.float32)


def noisy(sound: Audio, snr_db: float) -> Audio:
    noise = np.random.default_rng(0).standard_normal(len(sound))
    noise -= sound * (noise @ sound) / (sound @ sound)
    gain = np.sqrt((sound @ sound) / (noise @ noise) / 10 ** (snr_db / 10))
    return (sound + gain * noise).astype(np.float32)


@pytest.mark.parametrize("snr_db", [-3.0, 10.0, 30.0])
def test_si_sdr_is_the_ratio_to_noise_and_ignores_scale(speech: Audio, snr_db: float) -> None:
    """Noise at right angles to speech gives its own ratio, whatever the estimate's gain."""
    assert si_sdr_db(speech, noisy(speech, snr_db)) == pytest.approx(snr_db, abs=0.01)
    assert si_sdr_db(speech, 0.1 * noisy(speech, snr_db)) == pytest.approx(snr_db, abs=0.01)


def test_equal_sounds_are_at_no_distance(speech: Audio) -> None:
    """The best value of each measure is reached by the reference itself."""
    assert si_sdr_db(speech, speech) > 100
    assert mel_distance(speech, speech) == 0


def test_mel_distance_counts_decibels(speech: Audio) -> None:
    """Noise in a loud sound and a gain of 6 dB are both seen, the gain as 6 dB at most: silent bands have a floor."""
    assert 2 < mel_distance(speech, speech * np.float32(10 ** (6 / 20))) <= 6.01
    assert mel_distance(speech, noisy(speech, 10)) > mel_distance(speech, noisy(speech, 30))


@needs_metrics
def test_stoi_and_pesq_fall_with_noise(speech: Audio) -> None:
    """Less noise is more intelligible and sounds better."""
    assert stoi(speech, noisy(speech, 20)) > stoi(speech, noisy(speech, -5))
    assert pesq_wb(speech, noisy(speech, 30)) > pesq_wb(speech, noisy(speech, 5)) >= 1


@needs_metrics
def test_sounds_that_cannot_be_judged_are_named(speech: Audio) -> None:
    """Silence and too short sounds are usage errors, not scores."""
    silence = np.zeros(RATE, np.float32)
    with pytest.raises(UsageError, match="choose one with speech"):
        pesq_wb(silence, silence)
    with pytest.raises(UsageError, match="more speech"):
        stoi(speech[:2000], speech[:2000])
    with pytest.raises(UsageError, match="16000 Hz"):
        pesq_wb(speech, speech, 8000)
    with pytest.raises(UsageError, match="silent reference"):
        si_sdr_db(silence, speech[:RATE])
    with pytest.raises(UsageError, match="2048 samples"):
        mel_distance(speech[:500], speech[:500])


@pytest.mark.parametrize("measure", [si_sdr_db, mel_distance, stoi, pesq_wb])
def test_lengths_must_be_equal(measure: object, speech: Audio) -> None:
    """Sounds of two lengths are refused before anything is computed."""
    assert callable(measure)
    with pytest.raises(UsageError, match="one length"):
        measure(speech, speech[:-1])


@pytest.mark.parametrize(("measure", "package"), [(stoi, "pystoi"), (pesq_wb, "pesq")])
def test_missing_packages_say_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch, measure: object, package: str, speech: Audio
) -> None:
    """Without the extra, the error names it."""
    monkeypatch.setitem(sys.modules, package, None)
    assert callable(measure)
    with pytest.raises(UsageError, match=rf"{package} is not installed.*esc-tui\[metrics\]"):
        measure(speech, speech)
