"""Files that grow beside their name: what killed processes leave, and what others are writing."""

import errno
import os
from pathlib import Path

import pytest

from codec.atomic_file import PartFile, write_atomically
from codec.errors import ContainerError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    """The next run of the same output takes the stale file over: none is left in the end."""
    stale = tmp_path / "a.esc.esc-tui.part"
    stale.write_bytes(b"a long half file")
    part = PartFile(tmp_path / "a.esc", ContainerError)
    assert part.part == stale
    part.append(b"whole")
    part.finish()
    assert names(tmp_path) == ["a.esc"]
    assert (tmp_path / "a.esc").read_bytes() == b"whole"


def test_two_writers_of_one_name_do_not_mix(tmp_path: Path) -> None:
    """While one is at work the other writes elsewhere; who is second finds the name taken."""
    one, other = (PartFile(tmp_path / "a.esc", ContainerError) for _ in range(2))
    one.append(b"one")
    other.append(b"other")
    one.finish()
    with pytest.raises(ContainerError, match="--overwrite"):
        other.finish()
    assert names(tmp_path) == ["a.esc"]
    assert (tmp_path / "a.esc").read_bytes() == b"one"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link that somebody left under the name leads to no other file."""
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    (tmp_path / "a.esc.esc-tui.part").symlink_to(other)
    part = PartFile(tmp_path / "a.esc", ContainerError)
    part.append(b"whole")
    part.finish()
    assert other.read_bytes() == b"precious"
    assert (tmp_path / "a.esc").read_bytes() == b"whole"


def test_an_aborted_file_is_gone(tmp_path: Path) -> None:
    """Also when it is aborted twice, or after it was finished, which then stays."""
    part = PartFile(tmp_path / "a.esc", ContainerError)
    part.abort()
    part.abort()
    assert names(tmp_path) == []
    part = PartFile(tmp_path / "a.esc", ContainerError)
    part.finish()
    part.abort()
    assert names(tmp_path) == ["a.esc"]


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    """The new content stands under the name with the mode asked for, and nothing beside it."""
    path = tmp_path / "state.json"
    for content in (b"old", b"newer"):
        write_atomically(path, content, 0o600, sync=True)
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o600
        assert names(tmp_path) == ["state.json"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_what_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """A full disk that shows at the last moment, and a failing rename, leave the old content alone."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os if failing == "fsync" else Path, failing, full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new", sync=True)
    assert path.read_bytes() == b"old"
    part = PartFile(tmp_path / "a.esc", ContainerError)
    part.append(b"whole")
    with pytest.raises(ContainerError, match=r"a\.esc'.*No space left"):
        part.finish()
    assert names(tmp_path) == ["state.json"]
