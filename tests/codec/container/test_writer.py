import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from codec.container import EscReader, EscWriter
from codec.errors import ContainerError
from tests.codec.container.esc_files import HEADER, chunks_of, file_bytes

CHUNKS = chunks_of(HEADER, 5000)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_finished(tmp_path):
    """Until finish, nothing stands under the name; after it, nothing stands beside it."""
    path = tmp_path / "new" / "a.esc"
    with EscWriter(path, HEADER) as writer:
        for chunk in CHUNKS:
            writer.add(chunk)
        assert not path.exists()
    assert names(path.parent) == ["a.esc"]
    assert path.read_bytes() == file_bytes(replace(HEADER, total_samples=5000), CHUNKS)
    assert writer.file_bytes == path.stat().st_size


def test_a_growing_file_is_readable_after_every_chunk(tmp_path):
    """While a recording grows, and after a crash, all chunks written so far can be read."""
    writer = EscWriter(tmp_path / "a.esc", HEADER)
    for count, chunk in enumerate(CHUNKS, start=1):
        writer.add(chunk)
        with EscReader(writer.part) as reader:
            assert list(reader.chunks()) == CHUNKS[:count]
    writer.abort()


def test_an_error_leaves_nothing_behind(tmp_path):
    """Where the block is left by an error, Ctrl-C included, no half file stays."""

    def broken_off() -> None:
        with EscWriter(tmp_path / "a.esc", HEADER) as writer:
            writer.add(CHUNKS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert names(tmp_path) == []


def test_nothing_is_overwritten_unasked(tmp_path):
    """A file that is there stays, found at the start or at the end; with `overwrite` it is replaced."""
    path = tmp_path / "a.esc"
    path.write_text("mine")
    with pytest.raises(ContainerError, match="--overwrite"):
        EscWriter(path, HEADER)
    with EscWriter(path, HEADER, overwrite=True) as writer:
        writer.add(CHUNKS[0])
        assert path.read_text() == "mine"
    with EscReader(path) as reader:
        assert reader.chunk_count == 1
    late = EscWriter(tmp_path / "b.esc", HEADER)
    (tmp_path / "b.esc").write_text("mine")
    with pytest.raises(ContainerError, match="is there already"):
        late.finish()
    assert names(tmp_path) == ["a.esc", "b.esc"]
    assert (tmp_path / "b.esc").read_text() == "mine"


def test_finishing_and_aborting_twice_does_nothing(tmp_path):
    """What is finished is not touched by what comes after."""
    writer = EscWriter(tmp_path / "a.esc", HEADER)
    writer.finish()
    writer.finish()
    writer.abort()
    assert names(tmp_path) == ["a.esc"]


@pytest.mark.parametrize("fault", ["full", "deleted"])
def test_a_file_that_is_kept_takes_the_same_chunk_later(tmp_path, monkeypatch, fault):
    """With `keep_on_error`, a disk that is full for a while, or a deleted folder, costs no chunk."""
    path = tmp_path / "new" / "a.esc"
    writer = EscWriter(path, HEADER, keep_on_error=True)
    for chunk in CHUNKS:
        if fault == "deleted":
            shutil.rmtree(path.parent)
        with monkeypatch.context() as disk:
            fill_disk(disk)
            for _ in range(2):
                with pytest.raises(ContainerError, match=r"a\.esc'.*No space left"):
                    writer.add(chunk)
        writer.add(chunk)
    writer.finish()
    assert path.read_bytes() == file_bytes(replace(HEADER, total_samples=5000), CHUNKS)
    assert names(path.parent) == ["a.esc"]


def test_a_kept_file_has_its_name_when_its_index_cannot_be_written(tmp_path, monkeypatch):
    """Where the disk is full at the end, what it has taken can be read, and the error is raised."""
    writer = EscWriter(tmp_path / "a.esc", HEADER, keep_on_error=True)
    for chunk in CHUNKS:
        writer.add(chunk)
    fill_disk(monkeypatch)
    with pytest.raises(ContainerError, match="No space left"):
        writer.finish()
    assert names(tmp_path) == ["a.esc"]
    with EscReader(tmp_path / "a.esc") as reader:
        assert list(reader.chunks()) == CHUNKS


def fill_disk(monkeypatch):
    """Let the disk take 5 bytes of each write at most, and then fail."""

    def write_all(file, data):
        file.write(data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("codec.atomic_file.write_all", write_all)


def test_places_that_cannot_be_written_are_named(tmp_path):
    """The error names the path."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ContainerError, match=r"a\.esc"):
        EscWriter(tmp_path / "file" / "a.esc", HEADER)


def test_paths_that_cannot_be_read_are_named(tmp_path):
    """A missing file, a folder and another kind of file are named with their path."""
    (tmp_path / "note.esc").write_text("just text")
    for name in ("missing.esc", ".", "note.esc"):
        with pytest.raises(ContainerError, match=str(tmp_path)):
            EscReader(tmp_path / name)
