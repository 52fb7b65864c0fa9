import numpy as np
import pytest

from codec.sound.mixing import FLAC_LAYOUTS, OGG_LAYOUTS, Mixer, counted_layout, mask_layout, mixing_weights
from codec.types import Audio
from tests.codec.sound.sounds import RATE, noise, surround, tone

SPEECH = tone(1.0)
FIVE_ONE = ("FL", "FR", "FC", "LFE", "BL", "BR")


def level_db(mixed: Audio, original: Audio) -> float:
    return float(20 * np.log10(np.std(mixed) / np.std(original)))


@pytest.mark.parametrize(("place", "gain_db"), [("FC", 0.0), ("FL", -3.0), ("FR", -3.0), ("BL", -6.0), ("BR", -6.0)])
def test_surround_is_mixed_as_bs_775_says(place: str, gain_db: float) -> None:
    """Speech in the centre keeps its level; a channel is found by its place, not its number."""
    for layout in (FIVE_ONE, counted_layout(OGG_LAYOUTS, 6), counted_layout(FLAC_LAYOUTS, 6)):
        assert layout is not None
        mixer = Mixer(6, layout, RATE)
        block = surround([SPEECH if at == place else None for at in layout], len(SPEECH))
        assert level_db(mixer.mix(block)[0], SPEECH) == pytest.approx(gain_db, abs=0.1)
        assert mixer.warnings == []


def test_the_effects_channel_is_left_out() -> None:
    """As BS.775 says."""
    assert mixing_weights(6, FIVE_ONE)[3] == 0


def test_stereo_and_channels_of_unknown_places_are_averaged() -> None:
    """Which never clips."""
    for channels, layout in ((2, ("FL", "FR")), (6, None), (4, ("FL", "FR", "BL", "BR"))):
        assert mixing_weights(channels, layout).tolist() == pytest.approx([1 / channels] * channels)


def test_a_channel_mask_names_the_places_in_order() -> None:
    """The bits of WAVE_FORMAT_EXTENSIBLE."""
    assert mask_layout(0x3F) == FIVE_ONE
    assert mask_layout(0x60F) == ("FL", "FR", "FC", "LFE", "SL", "SR")


@pytest.mark.parametrize("gain", [1.0, 0.8])
def test_channels_that_cancel_are_subtracted(gain: float) -> None:
    """Speech that is inverted in one channel is heard, from the first such block on; it is told once, and when."""
    mixer = Mixer(2, ("FL", "FR"), RATE)
    apart = np.stack([noise(2.0)[:RATE], noise(2.0)[RATE:]])
    assert np.array_equal(mixer.mix(apart)[0], apart.mean(axis=0, dtype=np.float32))
    for _ in range(2):
        mixed = mixer.mix(np.stack([SPEECH, -gain * SPEECH]))[0]
        assert level_db(mixed, SPEECH) == pytest.approx(20 * np.log10((1 + gain) / 2), abs=0.1)
    assert len(mixer.warnings) == 1
    assert "from 1.00 s on" in mixer.warnings[0]
    assert level_db(mixer.mix(np.stack([SPEECH, SPEECH]))[0], SPEECH) == pytest.approx(0, abs=0.1)


def test_silence_and_one_sided_sound_do_not_cancel() -> None:
    """Nor does sound that only differs."""
    for right in (0 * SPEECH, noise(1.0), -0.3 * SPEECH):
        mixer = Mixer(2, None, RATE)
        mixer.mix(np.stack([SPEECH, right]))
        mixer.mix(np.zeros((2, RATE), np.float32))
        mixer.mix(1e-5 * np.stack([SPEECH, -SPEECH]))
        assert mixer.warnings == []


def test_a_mix_that_would_clip_becomes_softer() -> None:
    """By as much as it takes, for good, and it is told."""
    mixer = Mixer(6, FIVE_ONE, RATE)
    loud = surround([SPEECH * 3] * 6, len(SPEECH))
    assert np.abs(mixer.mix(loud)).max() == pytest.approx(1)
    quiet = mixer.mix(loud / 2)[0]
    assert np.abs(quiet).max() == pytest.approx(0.5, abs=1e-3)
    assert len(mixer.warnings) == 1
