import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.errors import AudioFileError, UsageError
from codec.sound.formats import SoundFormat
from codec.sound.wav import to_pcm16
from codec.sound.writing import SoundWriter, check_writable

KINDS = {
    SoundFormat.WAV: ("WAV", "PCM_16"),
    SoundFormat.FLAC: ("FLAC", "PCM_16"),
    SoundFormat.OGG: ("OGG", "VORBIS"),
    SoundFormat.MP3: ("MP3", "MPEG_LAYER_III"),
    SoundFormat.OPUS: ("OGG", "OPUS"),
}
NOISE = np.random.default_rng(1).normal(0, 0.2, (2, 40_000)).astype(np.float32)


@pytest.mark.parametrize("file_format", list(SoundFormat))
def test_a_sound_file_appears_when_it_is_finished(tmp_path: Path, file_format: SoundFormat) -> None:
    """Written in blocks, a file has its name, every sample and no neighbour only once it is finished."""
    path = tmp_path / "new" / f"a.{file_format}"
    with SoundWriter(path, 16000, 2, file_format) as writer:
        for start in range(0, 40_000, 7000):
            writer.write(NOISE[:, start : start + 7000])
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    info = soundfile.info(path)
    assert (info.frames, info.channels, info.samplerate) == (40_000, 2, 16000)
    assert (info.format, info.subtype) == KINDS[file_format]
    if info.subtype == "PCM_16":
        assert np.array_equal(soundfile.read(path, dtype="int16")[0], to_pcm16(NOISE).T)


def test_an_error_leaves_no_sound_file(tmp_path: Path) -> None:
    """Where the block is left by an error nothing stays, and places that cannot be written are named."""
    for file_format in SoundFormat:
        with pytest.raises(KeyboardInterrupt):
            interrupted(SoundWriter(tmp_path / "a", 16000, 2, file_format))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioFileError, match=r"file/a\.flac"):
        SoundWriter(tmp_path / "file" / "a.flac", 16000, 2, SoundFormat.FLAC)


def test_a_format_that_libsndfile_does_not_write_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old libsndfile has no MP3: the error names it, its version, and the formats that it writes."""
    opened = soundfile.SoundFile

    def without_mp3(*arguments: object, **options: object) -> soundfile.SoundFile:
        if options.get("format") == "MP3":
            raise soundfile.LibsndfileError(1)
        return opened(*arguments, **options)

    check_writable(SoundFormat.MP3)
    monkeypatch.setattr(soundfile, "SoundFile", without_mp3)
    version = re.escape(soundfile.__libsndfile_version__)
    with pytest.raises(UsageError, match=rf"mp3: libsndfile {version} .* one of wav, flac, ogg, opus"):
        check_writable(SoundFormat.MP3)
    check_writable(SoundFormat.OPUS)


@pytest.mark.parametrize(("file_format", "most"), [("flac", 8), ("mp3", 2)])
def test_channels_are_counted_before_a_file_is_made(tmp_path: Path, file_format: str, most: int) -> None:
    """As many as the format holds are written; one more is refused with the limit, and leaves nothing."""
    chosen = SoundFormat(file_format)
    with SoundWriter(tmp_path / "most", 16000, most, chosen) as writer:
        writer.write(np.zeros((most, 1600), np.float32))
    with pytest.raises(AudioFileError, match=f"{most} channels at most, not {most + 1}"):
        SoundWriter(tmp_path / "more", 16000, most + 1, chosen)
    assert [path.name for path in tmp_path.iterdir()] == ["most"]


def interrupted(writer: SoundWriter) -> None:
    with writer:
        writer.write(NOISE)
        raise KeyboardInterrupt


LIMITED_WRITERS = """
import pathlib, resource, signal, sys
import numpy
from codec.atomic_file import PartFile
from codec.container import EscWriter
from codec.errors import AudioFileError, ContainerError
from codec.sound.formats import SoundFormat
from codec.sound.writing import SoundWriter
from tests.codec.container.esc_files import HEADER, chunks_of

folder = pathlib.Path(sys.argv[1])
noise = numpy.random.default_rng(0).normal(0, 0.2, (1, 8000)).astype(numpy.float32)

def write_plain(path):
    part = PartFile(path, ContainerError)
    part.append(bytes(150_000))
    part.finish()

def write_esc(path):
    with EscWriter(path, HEADER) as writer:
        for chunk in chunks_of(HEADER, 3_000_000):
            writer.add(chunk)

def write_sound(path):
    with SoundWriter(path, 16000, 1, SoundFormat(path.suffix[1:])) as writer:
        for _ in range(60):
            writer.write(noise)

writers = {"a.bin": write_plain, "a.esc": write_esc, **{f"a.{kind}": write_sound for kind in SoundFormat}}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for name, write in writers.items():
    write(folder / name)
    size = (folder / name).stat().st_size
    (folder / name).unlink()
    for limit in {size // 2, size - 1, size - 100, size - 3000}:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            write(folder / name)
        except (AudioFileError, ContainerError) as error:
            assert "File too large" in str(error) and repr(str(folder / name)) in str(error), error
        else:
            print(f"{name} was published with a limit of {limit} of its {size} bytes")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        left = [path.name for path in folder.iterdir()]
        assert not left, left
print("done")
"""


def test_no_torn_file_is_published(tmp_path: Path) -> None:
    """Where the system takes only part of a file, be it all but its last byte, every writer fails and cleans up."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED_WRITERS, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
