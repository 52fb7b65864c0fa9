import numpy as np
import pytest
import soundfile

from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS, comfort_noise
from esc_tui.options.demo import SPEECH_SAMPLE
from net.audio.activity import ActivityDetector, ActivityRecord, noise_level_dbfs

RATE = 16000


def noise(level_dbfs: float, seconds: float, seed: int = 0) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return (samples * 10 ** (level_dbfs / 20)).astype(np.float32)


def activity(audio: np.ndarray, block: int = 1600) -> np.ndarray:
    """Whether each block is active."""
    detector = ActivityDetector(RATE)
    return np.array([detector.push(audio[start : start + block]) for start in range(0, len(audio), block)])


@pytest.mark.parametrize("level_dbfs", [-80, -60, -45])
def test_steady_noise_is_no_voice(level_dbfs: float) -> None:
    """A room's noise is inactive from the first second on, whatever its level."""
    assert not activity(noise(level_dbfs, 8))[10:].any()


@pytest.mark.parametrize("noise_dbfs", [-75, -55])
def test_speech_over_noise_is_voice_and_the_noise_around_it_is_not(noise_dbfs: float) -> None:
    """Nearly all blocks with speech are active; the pauses before and after are not."""
    speech, rate = soundfile.read(SPEECH_SAMPLE, dtype="float32")
    assert rate == RATE
    speech = speech[: 6 * RATE]
    audio = np.concatenate([np.zeros(3 * RATE, np.float32), speech, np.zeros(3 * RATE, np.float32)])
    active = activity(audio + noise(noise_dbfs, len(audio) / RATE))
    level = np.array([np.square(audio[start : start + 1600]).mean() for start in range(0, len(audio), 1600)])
    loud = level > 10 ** ((noise_dbfs + 15) / 10)
    assert active[loud].mean() > 0.98
    assert not active[5:29].any()
    assert not active[-20:].any()


def test_a_steady_loud_tone_stays_active() -> None:
    """What is loud is never taken for silence, however long it lasts."""
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(20 * RATE) / RATE)).astype(np.float32)
    assert activity(tone).all()


def test_the_size_of_blocks_makes_no_difference() -> None:
    """Activity is a matter of frames, not of how they arrive."""
    audio = np.concatenate([noise(-60, 2), noise(-30, 0.5), noise(-60, 1)])
    whole = ActivityDetector(RATE)
    whole.push(audio)
    bits = ActivityDetector(RATE)
    for start in range(0, len(audio), 77):
        bits.push(audio[start : start + 77])
    assert whole.active == bits.active
    assert activity(audio, 320).sum() == pytest.approx(0.7 * 50, abs=4)


@pytest.mark.parametrize("level_dbfs", [-90, -60, -20])
def test_comfort_noise_has_the_level_that_was_measured(level_dbfs: int) -> None:
    """Noise made for a level measures as that level, and the same seed gives the same noise."""
    made = comfort_noise(level_dbfs, RATE, seed=7)
    assert noise_level_dbfs(made) == pytest.approx(level_dbfs, abs=1)
    assert np.array_equal(made, comfort_noise(level_dbfs, RATE, seed=7))


def test_digital_silence_stays_digital_silence() -> None:
    """Zeros are announced as −127 dBFS and come back as zeros."""
    assert noise_level_dbfs(np.zeros(100, np.float32)) == DIGITAL_SILENCE_DBFS
    assert not comfort_noise(DIGITAL_SILENCE_DBFS, 100, seed=0).any()


def test_voice_is_found_where_it_was_however_late_one_asks() -> None:
    """A stretch counts for all chunks that it touches, overlapping ones included, and for no other."""
    record = ActivityRecord()
    for stop, active in ((100, False), (200, True), (300, False), (400, False), (500, True)):
        record.add(stop, active)
    chunks = [(0, 100), (80, 180), (150, 250), (200, 300), (250, 401), (300, 400), (450, 460)]
    assert [record.within(*chunk) for chunk in chunks] == [False, True, True, False, True, False, True]
