"""Files that lie about their length, are cut, damaged, or joined of several: all that is there is read, and told."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from codec.errors import AudioFileError
from codec.sound import ffmpeg
from codec.sound.reading import AudioReader
from codec.types import Audio
from tests.codec.sound.sounds import coded, damaged, muxed, noise, pcm16, tone, wav, without_length

SOUND = tone(2.0)
PCM = pcm16(SOUND)
UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a file."""

    first_total: int | None
    total: int | None
    audio: Audio
    missing: str
    warnings: tuple[str, ...]


def by_name(value: object) -> str:
    """The id of a parameter: bytes have none."""
    return value if isinstance(value, str) else ""


def read(path: Path) -> Reading:
    with AudioReader(path) as reader:
        first_total = reader.total_samples
        audio = np.concatenate(list(reader.blocks()))
        return Reading(first_total, reader.total_samples, audio, reader.missing, reader.warnings)


def read_bytes(folder: Path, name: str, data: bytes) -> Reading:
    (folder / name).write_bytes(data)
    return read(folder / name)


def big_endian(data: bytes, mark: bytes, value: int, after: int = 4) -> bytes:
    """The file with a 32-bit number changed, so many bytes after where `mark` begins."""
    place = data.index(mark) + after
    return data[:place] + value.to_bytes(4, "big") + data[place + 4 :]


@pytest.mark.parametrize(
    ("riff_bytes", "data_bytes"), [(0, 0), (36, 0), (36 + 8000, 8000), (36 + len(PCM), 8), (36, 32000)]
)
def test_a_header_that_counts_too_little_cuts_nothing_off(tmp_path: Path, riff_bytes: int, data_bytes: int) -> None:
    """A recorder that crashed leaves such a WAV: all samples are read to the bit, and a warning names both lengths."""
    found = read_bytes(tmp_path, "a.wav", wav(PCM, data_bytes, riff_bytes))
    assert np.array_equal(found.audio, np.frombuffer(PCM, "<i2") / np.float32(32768))
    assert found.first_total in (None, data_bytes // 2)
    assert found.total == len(SOUND)
    assert found.missing == ""
    assert found.warnings == (f"it states a length of {data_bytes / 32000:.2f} s and holds 2.00 s: all of it is read",)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.wav", wav(PCM, UNKNOWN, UNKNOWN)),
        ("b.wav", wav(PCM, 0x7FFFFFFF - 36, 0x7FFFFFFF)),
        ("a.aiff", big_endian(coded(SOUND, "AIFF", "PCM_16"), b"SSND", 0)),
        ("a.au", big_endian(coded(SOUND, "AU", "PCM_16"), b".snd", UNKNOWN, after=8)),
        ("a.flac", without_length(coded(SOUND, "FLAC"))),
    ],
    ids=by_name,
)
def test_a_header_that_says_it_does_not_know_is_believed(tmp_path: Path, name: str, data: bytes) -> None:
    """What programs write into pipes is read to its end, without a warning, and its length is never a wrong one."""
    found = read_bytes(tmp_path, name, data)
    assert found.first_total in (None, len(SOUND))
    assert (found.total, found.missing, found.warnings) == (len(SOUND), "", ())
    np.testing.assert_allclose(found.audio, SOUND, atol=1e-4)


def test_what_stands_behind_the_sound_is_no_sound(tmp_path: Path) -> None:
    """Chunks and tags of other programs are neither read nor told."""
    for tail in (b"LIST" + (40000).to_bytes(4, "little") + bytes(40000), b"ID3\x04" + bytes(9000), bytes(100)):
        found = read_bytes(tmp_path, "a.wav", wav(PCM) + tail)
        assert (found.total, found.warnings) == (len(SOUND), ())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.wav", wav(PCM)),
        ("a.aiff", coded(SOUND, "AIFF", "PCM_16")),
        ("a.flac", coded(SOUND, "FLAC")),
        ("a.mp3", coded(SOUND, "MP3")),
    ],
    ids=by_name,
)
def test_a_file_that_is_cut_off_gives_what_is_there(tmp_path: Path, name: str, data: bytes) -> None:
    """How much of how much is missing is told."""
    found = read_bytes(tmp_path, name, data[: len(data) // 2 + 1])
    assert 0.5 * 16000 < len(found.audio) < 1.2 * 16000
    assert found.total == len(found.audio)
    lost_s = 2 - len(found.audio) / 16000
    assert found.missing.startswith(f"{lost_s:.2f} s of 2.00 s are missing")
    assert found.warnings == (found.missing,)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_that_is_cut_off_is_noticed(tmp_path: Path, subtype: str) -> None:
    """It has no length to compare with: a page that is torn is missing sound, a missing end mark may be."""
    data = coded(tone(8.0), "OGG", subtype)
    last_page = data.rindex(b"OggS")
    torn = read_bytes(tmp_path, "torn.ogg", data[: last_page + 100])
    assert "torn" in torn.missing
    unmarked = read_bytes(tmp_path, "unmarked.ogg", data[:last_page])
    assert unmarked.missing == ""
    assert "may be cut off" in unmarked.warnings[0]
    assert read_bytes(tmp_path, "whole.ogg", data).warnings == ()


@pytest.mark.parametrize("counted", [True, False])
def test_reading_goes_on_behind_damage(tmp_path: Path, counted: bool) -> None:
    """Only the damaged frames are left out, where libsndfile ends; what is missing is told, counted or not."""
    sound, flac = noise(4.0), coded(noise(4.0), "FLAC")
    found = read_bytes(tmp_path, "a.flac", damaged(flac if counted else without_length(flac), 0.5))
    assert 3.6 * 16000 < len(found.audio) < 4 * 16000
    np.testing.assert_allclose(found.audio[:16000], sound[:16000], atol=1e-4)
    np.testing.assert_allclose(found.audio[-16000:], sound[-16000:], atol=1e-4)
    assert found.missing.startswith(f"{4 - len(found.audio) / 16000:.2f} s of 4.00 s are missing")


def test_damage_that_libsndfile_skips_is_told(tmp_path: Path) -> None:
    """An MP3 file of fewer frames than it counts is damaged, whatever the decoder says."""
    found = read_bytes(tmp_path, "a.mp3", damaged(coded(noise(4.0), "MP3"), 0.5))
    assert 3.6 * 16000 < len(found.audio) < 4 * 16000
    assert "of 4.00 s are missing" in found.missing


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("a.ogg", coded(noise(2.0), "OGG", "VORBIS")),
        ("a.opus", coded(noise(2.0), "OGG", "OPUS")),
        ("a.mp3", coded(noise(2.0), "MP3")),
        ("a.flac", coded(noise(2.0), "FLAC")),
    ],
    ids=by_name,
)
def test_files_that_were_joined_are_read_to_the_end(tmp_path: Path, name: str, one: bytes) -> None:
    """Two files in one are twice the sound; the length is corrected when it is known."""
    found = read_bytes(tmp_path, name, one + one)
    assert len(found.audio) == pytest.approx(4 * 16000, abs=0.2 * 16000)
    assert (found.total, found.missing) == (len(found.audio), "")
    first, second = (float(np.std(half)) for half in (found.audio[:32000], found.audio[-32000:]))
    assert second == pytest.approx(first, rel=0.1)


def test_an_mp3_file_without_a_count_has_no_length_before_its_end(tmp_path: Path) -> None:
    """Without a Xing header the length would be a guess by the bitrate."""
    data = coded(SOUND, "MP3")
    frame = data.index(b"\xff", 4 + data.index(b"Xing") if b"Xing" in data else 4 + data.index(b"Info"))
    while data[frame + 1] & 0xE0 != 0xE0:
        frame = data.index(b"\xff", frame + 1)
    found = read_bytes(tmp_path, "a.mp3", data[frame:])
    assert found.first_total is None
    assert found.total == len(found.audio) == pytest.approx(2 * 16000, abs=0.2 * 16000)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "aac"), ("adts", "aac"), ("webm", "libopus"), ("mov", "pcm_s16le")]
)
def test_what_only_ffmpeg_knows_is_read(tmp_path: Path, suffix: str, codec: str) -> None:
    """Whatever the file is called."""
    rate = 48000 if codec == "libopus" else 16000
    path = muxed(tone(2.0, rate), tmp_path / f"a.{suffix}", codec, rate).rename(tmp_path / "a.wav")
    found = read(path)
    assert len(found.audio) == pytest.approx(2 * 16000, abs=2000)
    assert found.warnings == ()
    spectrum = np.abs(np.fft.rfft(found.audio[8000:24000]))
    assert int(spectrum.argmax()) == 440


def test_a_video_without_sound_is_named(tmp_path: Path) -> None:
    """And what is nothing at all; both readers' reasons stand in the message."""
    (tmp_path / "a.mp4").write_bytes(np.random.default_rng(0).bytes(4000))
    with pytest.raises(AudioFileError, match=r"cannot read .*a\.mp4' as sound: .*; ffmpeg: Invalid data"):
        AudioReader(tmp_path / "a.mp4")


def test_without_pyav_the_message_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a file cannot be read on, or not be opened."""
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(ffmpeg, "find_spec", lambda _name: None)
    (tmp_path / "b.opus").write_bytes(2 * coded(SOUND, "OGG", "OPUS"))
    found = read(tmp_path / "b.opus")
    assert len(found.audio) == len(SOUND)
    assert "pip install av" in found.missing
    (tmp_path / "b.m4a").write_bytes(b"no sound")
    with pytest.raises(AudioFileError, match="pip install av"):
        AudioReader(tmp_path / "b.m4a")
