import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.errors import AudioFileError
from codec.sound.reading import AudioReader, read_sound
from codec.sound.resampling import resample, resampled_length
from codec.types import Audio

NOISE = np.random.default_rng(0).normal(0, 0.1, (2, 50_000)).astype(np.float32)


def written(path: Path, audio: Audio, rate: int = 16000) -> Path:
    soundfile.write(path, audio.T, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


@pytest.mark.parametrize("rate", [16000, 44100, 8000])
def test_blocks_are_the_whole_file_at_the_rate_asked_for(tmp_path: Path, rate: int) -> None:
    """Mixed or channel by channel, the blocks, joined, are the resampled sound, of the length announced before."""
    path = written(tmp_path / "a.wav", NOISE, rate)
    with AudioReader(path, 16000, mix=False) as reader:
        assert (reader.channels, reader.given_channels, reader.file_rate) == (2, 2, rate)
        assert reader.total_samples == resampled_length(50_000, rate, 16000)
        channels = np.concatenate(list(reader.channel_blocks()), axis=1)
    assert np.array_equal(channels, resample(NOISE, rate, 16000))
    mixed = NOISE.mean(axis=0, dtype=np.float32)
    assert np.array_equal(read_sound(path), resample(mixed, rate, 16000))


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_file_without_samples_has_blocks_of_the_right_shape(tmp_path: Path, rate: int) -> None:
    """A header alone is a sound of no samples."""
    path = written(tmp_path / "a.wav", NOISE[:, :0], rate)
    with AudioReader(path, mix=False) as reader:
        assert [block.shape for block in reader.channel_blocks()] == [(2, 0)]


def test_samples_that_are_no_numbers_become_silence(tmp_path: Path) -> None:
    """They are counted, too."""
    sound = NOISE[:1, :1000].copy()
    sound[0, 10], sound[0, 20] = np.nan, np.inf
    with AudioReader(written(tmp_path / "a.wav", sound)) as reader:
        read = np.concatenate(list(reader.blocks()))
        assert reader.non_finite_samples == 2
    assert np.array_equal(read, np.where(np.isfinite(sound[0]), sound[0], 0))


def test_what_is_no_sound_file_is_named(tmp_path: Path) -> None:
    """The error tells missing files, folders, pipes, empty and other files apart; none is waited for."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound")
    for name, reason in [
        ("missing.wav", "no file"),
        (".", "a folder"),
        ("pipe", "no regular file"),
        ("empty.wav", "empty"),
        ("text.wav", "cannot read"),
    ]:
        with pytest.raises(AudioFileError, match=reason) as caught:
            AudioReader(tmp_path / name)
        assert str(tmp_path) in str(caught.value)
    with (tmp_path / "text.wav").open("rb") as file, pytest.raises(AudioFileError, match="standard input"):
        AudioReader(file)
