import errno
import os
import struct
import subprocess
import sys
import wave
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.errors import AudioFileError
from codec.sound.wav import HEADER_BYTES, WavWriter, held_samples, to_pcm16

NOISE = np.random.default_rng(1).standard_normal(16000).astype(np.float32) * 0.1


def fill_disk(monkeypatch: pytest.MonkeyPatch, writes: int = 0) -> None:
    """Let so many writes through; of the next one the disk takes 100 bytes at most, and of those after it nothing."""
    left = writes

    def write_all(file: FileIO, data: bytes) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            file.write(data)
            return
        if left == -1 and len(data) > 100:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("codec.sound.wav.write_all", write_all)


def test_every_write_leaves_a_valid_file(tmp_path: Path) -> None:
    """After each write any reader sees all samples so far."""
    with WavWriter(tmp_path / "out.wav") as writer:
        for count in range(4):
            pcm, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
            assert rate == 16000
            assert np.array_equal(pcm, np.tile(to_pcm16(NOISE), count))
            writer.write(NOISE)


def test_stereo_is_interleaved(tmp_path: Path) -> None:
    """Two channels come back as two channels."""
    audio = np.stack([NOISE, -NOISE], axis=1)
    with WavWriter(tmp_path / "out.wav", 48000, 2) as writer:
        writer.write(audio)
    pcm, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert rate == 48000
    assert np.array_equal(pcm, to_pcm16(audio))


def test_conversion_to_16_bits_rounds_and_clips() -> None:
    """Full scale is ±32767, what is beyond is clipped and never wraps."""
    assert to_pcm16(np.array([0, 1, -1, 2, -2, 0.5 / 32767, -1.4 / 32767], np.float32)).tolist() == [
        *(0, 32767, -32767, 32767, -32768, 0, -1)
    ]


def test_a_failed_write_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses nothing: the file stays valid, and the same write works once there is room."""
    writer = WavWriter(tmp_path / "out.wav")
    writer.write(NOISE)
    for writes in (0, 1):
        with monkeypatch.context() as disk:
            fill_disk(disk, writes)
            with pytest.raises(AudioFileError, match="No space left"):
                writer.write(NOISE)
        assert soundfile.info(tmp_path / "out.wav").frames == 16000
    writer.write(NOISE)
    writer.close()
    pcm, _ = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert np.array_equal(pcm, np.tile(to_pcm16(NOISE), 2))


def test_a_file_that_was_deleted_is_written_anew_whole(tmp_path: Path) -> None:
    """Removing the folder in mid-stream loses nothing."""
    path = tmp_path / "gone" / "out.wav"
    with WavWriter(path) as writer:
        writer.write(NOISE)
        path.unlink()
        path.parent.rmdir()
        writer.write(NOISE)
    pcm, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(pcm, np.tile(to_pcm16(NOISE), 2))


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_writing_anew_can_fail_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """Whatever part of the new file the disk takes, the next write finds everything; no file stays open for it."""
    path = tmp_path / "out.wav"
    with WavWriter(path) as writer:
        writer.write(NOISE)
        path.unlink()
        before = open_files()
        with monkeypatch.context() as disk:
            fill_disk(disk, writes)
            for _ in range(3):
                with pytest.raises(AudioFileError, match="No space left"):
                    writer.write(NOISE)
        assert open_files() == before
        writer.write(NOISE)
    pcm, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(pcm, np.tile(to_pcm16(NOISE), 2))


@pytest.mark.parametrize("keep_samples", [0, 100])
def test_a_file_that_cannot_be_begun_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_samples: int
) -> None:
    """Where the disk is full from the start, trying again each second does not use up the process's files."""
    with WavWriter(tmp_path / "out.wav") as writer:
        writer.write(NOISE)
    before = open_files()
    fill_disk(monkeypatch)
    for _ in range(3):
        with pytest.raises(AudioFileError, match=r"out\.wav.*No space left"):
            WavWriter(tmp_path / "out.wav", keep_samples=keep_samples)
    assert open_files() == before


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def old_header(rate: int, samples: int) -> bytes:
    """What versions without RF64 wrote: 44 bytes."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + 2 * samples, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", 2 * samples),
    )


def test_a_file_of_an_older_version_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its header keeps its length, and where RF64 would be needed the error says why it cannot be."""
    path = tmp_path / "out.wav"
    path.write_bytes(old_header(16000, 16000) + to_pcm16(NOISE).tobytes() + b"torn")
    assert held_samples(path) == 16002
    with WavWriter(path, keep_samples=10000) as writer:
        writer.write(NOISE)
        pcm, _ = soundfile.read(path, dtype="int16")
        assert np.array_equal(pcm, to_pcm16(np.concatenate([NOISE[:10000], NOISE])))
        monkeypatch.setattr("codec.sound.wav.MAX_RIFF_BYTES", 60_000)
        with pytest.raises(AudioFileError, match="older version"):
            writer.write(NOISE)
    assert path.stat().st_size == 44 + 52_000


def test_a_file_below_4_gib_is_plain_riff(tmp_path: Path) -> None:
    """Readers that know no RF64, such as Python's own, skip the place that is kept for its sizes."""
    with WavWriter(tmp_path / "out.wav") as writer:
        writer.write(NOISE)
    with wave.open(str(tmp_path / "out.wav")) as reader:
        assert reader.getnframes() == 16000
        assert reader.readframes(16000) == to_pcm16(NOISE).tobytes()


def test_a_file_that_outgrows_riff_becomes_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libsndfile reads all samples at every moment: below the limit, at it, beyond it, and after continuing."""
    monkeypatch.setattr("codec.sound.wav.MAX_RIFF_BYTES", HEADER_BYTES - 8 + 2 * 20_000)
    path = tmp_path / "out.wav"
    lengths = [16000, 4000, 1, 16000]
    for index, length in enumerate(lengths):
        before = sum(lengths[:index])
        with WavWriter(path, keep_samples=before) as writer:
            writer.write(NOISE[:length])
            info = soundfile.info(path)
            assert (info.format, info.frames) == ("RF64" if before + length > 20_000 else "WAV", before + length)
    pcm, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(pcm, to_pcm16(np.concatenate([NOISE[:length] for length in lengths])))
    assert held_samples(path) == sum(lengths)


def test_more_than_4_gib_can_be_written_and_read(tmp_path: Path) -> None:
    """Past 37 hours at 16 kHz a file can grow on, and readers find its end."""
    path, begun = tmp_path / "out.wav", 2**31
    WavWriter(path).close()
    os.truncate(path, HEADER_BYTES + 2 * begun)
    with WavWriter(path, keep_samples=begun) as writer:
        writer.write(NOISE)
    with soundfile.SoundFile(path) as reader:
        assert reader.frames == begun + 16000
        reader.seek(begun - 1)
        assert np.array_equal(reader.read(dtype="int16"), np.concatenate([[0], to_pcm16(NOISE)]))


def test_a_file_can_be_continued(tmp_path: Path) -> None:
    """What lies behind the kept samples is cut off, and new sound follows."""
    path = tmp_path / "out.wav"
    with WavWriter(path) as writer:
        writer.write(NOISE)
    with WavWriter(path, keep_samples=10000) as writer:
        writer.write(NOISE)
    pcm, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(pcm, to_pcm16(np.concatenate([NOISE[:10000], NOISE])))


def test_a_path_that_cannot_be_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioFileError, match="out"):
        WavWriter(tmp_path / "file" / "out.wav")


KILLED_WRITERS = """
import os, pathlib, random, signal, sys, time
import numpy, soundfile
from codec.sound.wav import WavWriter

folder, random = pathlib.Path(sys.argv[1]), random.Random(7)
block = numpy.ones(1600, numpy.float32) * 0.25
for number in range(100):
    path, marks = folder / f"{number}.wav", folder / f"{number}.marks"
    child = os.fork()
    if not child:
        with WavWriter(path) as writer, open(marks, "wb", buffering=0) as written:
            while True:
                writer.write(block)
                written.write(b".")
    while not marks.exists() or not marks.stat().st_size:
        time.sleep(0.0005)
    time.sleep(random.uniform(0, 0.003))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    sound, _ = soundfile.read(path, dtype="float32")
    assert len(sound) >= 1600 * marks.stat().st_size, (number, len(sound))
    assert (abs(sound - 0.25) < 1e-3).all(), number
    path.unlink()
print("100 killed")
"""


def test_a_hundred_killed_writers_leave_readable_files(tmp_path: Path) -> None:
    """SIGKILL at any moment leaves a file that can be read, with every sample whose write had returned."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_WRITERS, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "100 killed\n", done.stderr
