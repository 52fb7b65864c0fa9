import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.errors import AudioFileError
from codec.sound.wav import WavWriter, to_pcm16

NOISE = np.random.default_rng(1).standard_normal(16000).astype(np.float32) * 0.1


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
    real = os.pwrite

    def full(file: int, data: bytes, offset: int) -> int:
        real(file, bytes(data)[:100], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(AudioFileError, match="No space left"):
        writer.write(NOISE)
    monkeypatch.undo()
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


def test_a_file_can_be_gone_on_with(tmp_path: Path) -> None:
    """What lies behind the kept samples is cut off, and new sound follows."""
    path = tmp_path / "out.wav"
    with WavWriter(path) as writer:
        writer.write(NOISE)
    with WavWriter(path, keep_samples=10000) as writer:
        writer.write(NOISE)
    pcm, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(pcm, to_pcm16(np.concatenate([NOISE[:10000], NOISE])))


def test_a_path_that_cannot_be_is_named(tmp_path: Path) -> None:
    """The error tells the file."""
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
