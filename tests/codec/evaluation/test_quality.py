from math import isnan

import numpy as np
import pytest

from codec.errors import UsageError
from codec.evaluation.metrics import mel_distance, si_sdr_db
from codec.evaluation.quality import Quality, QualityMeter, mean_quality
from tests.conftest import needs_metrics

RATE = 16000


def speechlike(seconds: float, seed: int = 0) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.1, len(time_s))
    return (noise * (1 + np.sin(2 * np.pi * 3 * time_s))).astype(np.float32)


def measured(original: np.ndarray, decoded: np.ndarray, block: int = 7000) -> Quality:
    meter = QualityMeter(len(original), RATE)
    for start in range(0, original.shape[1], block):
        meter.original(original[:, start : start + block])
        if start >= 3 * block:
            meter.decoded(decoded[:, start - 3 * block : start - 2 * block])
    told = max(0, (original.shape[1] - 1) // block - 2) * block
    meter.decoded(decoded[:, told:])
    return meter.finish()


@needs_metrics
def test_a_short_sound_is_measured_as_one() -> None:
    """In blocks, and with the decoder behind the reader, the measures are those of the whole sound."""
    original = speechlike(3)
    decoded = original + speechlike(3, 1) / 3
    quality = measured(original[None], decoded[None])
    assert quality.si_sdr_db == pytest.approx(si_sdr_db(original, decoded), abs=1e-6)
    assert quality.mel_distance_db == pytest.approx(mel_distance(original, decoded), abs=1e-6)
    assert 0 < quality.stoi < 1


def test_si_sdr_covers_the_whole_of_a_long_sound() -> None:
    """Beyond a segment, SI-SDR is still that of one pass, and the others are means of the segments."""
    original = speechlike(61)
    decoded = original + speechlike(61, 1) * np.linspace(0.1, 1, len(original), dtype=np.float32)
    meter = QualityMeter(1, RATE)
    meter.original(original[None])
    meter.decoded(decoded[None])
    assert meter.finish().si_sdr_db == pytest.approx(si_sdr_db(original, decoded), abs=1e-6)


def test_what_cannot_be_judged_is_nan() -> None:
    """Silence and crumbs of sound have no measures, and raise no error."""
    for samples in (0, 1, 500, 16000):
        silence = np.zeros((1, samples), np.float32)
        quality = measured(silence, silence)
        assert isnan(quality.si_sdr_db)
        assert isnan(quality.pesq_wb)


def test_the_mean_is_over_what_is_defined() -> None:
    """One silent file does not spoil the mean of the others."""
    nan = float("nan")
    mean = mean_quality(
        [
            Quality(si_sdr_db=1.0, mel_distance_db=nan, stoi=nan, pesq_wb=2.0),
            Quality(si_sdr_db=nan, mel_distance_db=nan, stoi=0.5, pesq_wb=4.0),
        ]
    )
    assert (mean.si_sdr_db, mean.stoi, mean.pesq_wb) == (1.0, 0.5, 3.0)
    assert isnan(mean.mel_distance_db)


def test_sounds_of_different_length_are_refused() -> None:
    """A reconstruction that lost a sample cannot be compared unnoticed."""
    meter = QualityMeter(1, RATE)
    meter.original(np.zeros((1, 100), np.float32))
    meter.decoded(np.zeros((1, 99), np.float32))
    with pytest.raises(UsageError, match="length"):
        meter.finish()
