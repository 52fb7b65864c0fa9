import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import soundfile

from codec.errors import UsageError
from codec.sound import enhancement
from codec.sound.enhancement import DELAY_SAMPLES, RATE, Enhancer, check_enhancement, enhanced_blocks
from codec.types import Audio
from esc_tui.options.demo import SPEECH_SAMPLE

needs_the_extra = pytest.mark.skipif(
    importlib.util.find_spec("webrtc_noise_gain") is None, reason="the extra voice is not installed"
)
Push = Callable[[Enhancer, Audio], Audio]


def speech(seconds: float = 6.0) -> Audio:
    audio, rate = soundfile.read(SPEECH_SAMPLE, dtype="float32")
    assert rate == RATE
    return np.asarray(audio[: int(seconds * RATE)], np.float32)


def noise(level_dbfs: float, samples: int) -> Audio:
    return (np.random.default_rng(0).standard_normal(samples) * 10 ** (level_dbfs / 20)).astype(np.float32)


def level_dbfs(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))


def enhanced(audio: Audio, block: int, push: Push = Enhancer.push) -> Audio:
    enhancer = Enhancer()
    parts = [push(enhancer, audio[start : start + block]) for start in range(0, len(audio), block)]
    return np.concatenate([*parts, enhancer.finish()])


def bypassed(enhancer: Enhancer, audio: Audio) -> Audio:
    return enhancer.push(audio, bypassed=True)


@needs_the_extra
@pytest.mark.parametrize("block", [1, 77, 160, 1600, 16001])
def test_how_the_sound_is_cut_makes_no_difference(block: int) -> None:
    """Blocks of any length give, joined, bit for bit what the whole gives."""
    audio = speech(1.0 if block == 1 else 4.0)
    np.testing.assert_array_equal(enhanced(audio, block), enhanced(audio, len(audio)))


@needs_the_extra
def test_every_length_stays() -> None:
    """From no sample to several frames, around every edge, as many come out as went in."""
    for samples in [*range(4), *range(90, 100), *range(155, 165), *range(250, 260), *range(315, 325), 1000]:
        assert len(enhanced(noise(-30, samples), 33)) == samples


@needs_the_extra
def test_the_sound_stays_where_it_was() -> None:
    """Speech is not moved: it fits what went in best within a tenth of a millisecond or so."""
    audio = speech()
    result = enhanced(audio, 1600)
    fits = [float(np.dot(audio[100:-100], np.roll(result, shift)[100:-100])) for shift in range(-100, 101)]
    assert abs(int(np.argmax(fits)) - 100) <= 8


@needs_the_extra
def test_it_is_never_later_than_it_says() -> None:
    """What is held back is less than a frame and the delay: nothing that comes later changes what has come out."""
    enhancer, pushed, given = Enhancer(), 0, 0
    for block in np.array_split(speech(2.0), 311):
        pushed, given = pushed + len(block), given + len(enhancer.push(block))
        assert 0 <= pushed - given < enhancement.FRAME_SAMPLES + DELAY_SAMPLES


@needs_the_extra
def test_noise_falls_and_speech_stays() -> None:
    """In noise 20 dB below the speech, pauses become 10 dB quieter, compared with the speech."""
    pause = np.zeros(4 * RATE, np.float32)
    audio = np.concatenate([pause, speech(), pause])
    noisy = audio + noise(level_dbfs(speech()) - 20, len(audio))
    result = enhanced(noisy, 1600)
    before_db = level_dbfs(noisy[4 * RATE : 10 * RATE]) - level_dbfs(noisy[2 * RATE : 4 * RATE])
    after_db = level_dbfs(result[4 * RATE : 10 * RATE]) - level_dbfs(result[2 * RATE : 4 * RATE])
    assert after_db > before_db + 10


@needs_the_extra
def test_soft_speech_gains_more_than_loud_speech_and_none_is_clipped() -> None:
    """The gain brings both nearer to each other."""
    end = slice(8 * RATE, 12 * RATE)
    gains_db = []
    for level_db in (-25, 0):
        audio = speech(12.0) * np.float32(10 ** (level_db / 20))
        result = enhanced(audio, 1600)
        gains_db.append(level_dbfs(result[end]) - level_dbfs(audio[end]))
        assert (np.abs(result) >= 0.999).mean() < 1e-3
    assert gains_db[0] > gains_db[1] + 3 > 3


@needs_the_extra
def test_a_hum_below_speech_is_taken_out() -> None:
    """The high-pass removes 30 Hz."""
    hum = (0.2 * np.sin(2 * np.pi * 30 * np.arange(3 * RATE) / RATE)).astype(np.float32)
    assert level_dbfs(enhanced(hum, 1600)[RATE:]) < level_dbfs(hum) - 20


@needs_the_extra
def test_what_is_bypassed_is_the_original() -> None:
    """Bit for bit, in its place, from the second frame on."""
    audio = speech(3.0)
    np.testing.assert_array_equal(enhanced(audio, 333, bypassed)[160:], audio[160:])


@needs_the_extra
def test_the_bypass_does_not_click() -> None:
    """Switching 4 times a second makes no step that neither sound has."""
    tone = (0.1 * np.sin(2 * np.pi * 300 * np.arange(4 * RATE) / RATE)).astype(np.float32)
    enhancer = Enhancer()
    parts = [
        enhancer.push(tone[start : start + 4000], bypassed=start // 4000 % 2 == 1)
        for start in range(0, len(tone), 4000)
    ]
    switched, steady = np.concatenate(parts), enhanced(tone, 4000)
    most = max(np.abs(np.diff(steady[RATE:])).max(), np.abs(np.diff(tone)).max())
    assert np.abs(np.diff(switched[RATE:])).max() < 1.3 * most


@needs_the_extra
@pytest.mark.parametrize("snr_db", [20, 5])
def test_voice_is_told_from_noise(snr_db: float) -> None:
    """With noise that never stops, 9 of 10 loud frames are voice, and no frame before the speech is."""
    audio = np.concatenate([np.zeros(4 * RATE, np.float32), speech()])
    noisy = audio + noise(level_dbfs(speech()) - snr_db, len(audio))
    enhancer, voice = Enhancer(), []
    for start in range(0, len(noisy), 160):
        enhancer.push(noisy[start : start + 160])
        voice.append(enhancer.speech)
    levels = np.array([level_dbfs(audio[start : start + 160]) for start in range(0, len(audio), 160)])
    assert np.mean(np.array(voice)[levels > level_dbfs(speech()) - 10]) > 0.9
    assert not any(voice[100:390])


@needs_the_extra
def test_channels_are_enhanced_each_by_itself() -> None:
    """Each channel of a sound is what it would be alone."""
    sound = np.stack([speech(2.0), noise(-40, 2 * RATE)])
    blocks = (sound[:, start : start + 7000] for start in range(0, sound.shape[1], 7000))
    result = np.concatenate(list(enhanced_blocks(blocks, 2, RATE)), axis=1)
    for before, after in zip(sound, result, strict=True):
        np.testing.assert_array_equal(after, enhanced(before, 7000))


def test_another_rate_is_refused() -> None:
    """The error names both rates."""
    with pytest.raises(UsageError, match="16000 Hz, and the model at 24000 Hz"):
        next(enhanced_blocks(iter(()), 1, 24000))


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error says how to install it."""
    find = importlib.util.find_spec

    def find_others(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "webrtc_noise_gain" else find(name, package)

    monkeypatch.setattr(enhancement, "find_spec", find_others)
    for attempt in (check_enhancement, Enhancer):
        with pytest.raises(UsageError, match=r"pip install 'esc-tui\[voice\]'"):
            attempt()


@needs_the_extra
def test_asking_does_not_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check for the package imports nothing."""
    for name in [name for name in sys.modules if name.startswith("webrtc_noise_gain")]:
        monkeypatch.delitem(sys.modules, name)
    check_enhancement()
    assert "webrtc_noise_gain" not in sys.modules
