from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.sound.reading import AudioReader
from codec.types import Audio
from tests.codec.sound.sounds import RATE, noise


def read(path: Path, audio: Audio, subtype: str = "FLOAT") -> tuple[Audio, tuple[str, ...]]:
    soundfile.write(path, audio, RATE, subtype)
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks())), reader.warnings


def test_samples_far_beyond_full_scale_are_clipped_and_told(tmp_path: Path) -> None:
    """One warning with their number and the highest; nothing overflows on the way."""
    sound = noise(2.0)
    sound[[5, 20000]], sound[7] = 1e30, np.inf
    audio, warnings = read(tmp_path / "a.wav", sound)
    assert audio[[5, 7, 20000]].tolist() == [1, 0, 1]
    assert warnings == (
        "1 sample was not finite and became silence",
        "2 samples were beyond full scale, up to 1e+30, and clipped to ±1",
    )


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_integers_that_are_stored_as_floats_are_scaled(tmp_path: Path, bits: int) -> None:
    """Whatever stands at their beginning, and whatever a few samples are."""
    sound = noise(3.0)
    sound[:RATE] *= 1e-4
    full_scale = 2.0 ** (bits - 1)
    integers = np.rint(sound * full_scale).astype(np.float32)
    integers[40000] = 1e30
    audio, warnings = read(tmp_path / "a.wav", integers)
    expected = np.clip(integers / np.float32(full_scale), -1, 1)
    np.testing.assert_allclose(audio, expected, atol=1e-6)
    assert f"divided by {full_scale:.0f}" in warnings[0]


def test_floats_that_are_only_loud_are_not_scaled(tmp_path: Path) -> None:
    """A mix of 12 dB too much is clipped, as everywhere."""
    loud = 10 * noise(1.0)
    audio, warnings = read(tmp_path / "a.wav", loud)
    np.testing.assert_array_equal(audio, np.clip(loud, -1, 1))
    assert len(warnings) == 1


def test_sound_within_full_scale_is_not_touched(tmp_path: Path) -> None:
    """To the bit, full scale included."""
    sound = np.clip(noise(1.0), -1, 1)
    sound[0], sound[1] = -1, 1
    audio, warnings = read(tmp_path / "a.wav", sound)
    np.testing.assert_array_equal(audio, sound)
    assert warnings == ()
