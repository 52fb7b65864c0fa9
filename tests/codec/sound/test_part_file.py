"""Files that grow beside their name: what killed processes leave, and what others are writing."""

from pathlib import Path

import pytest

from codec.errors import ContainerError
from codec.sound.part_file import PartFile


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    """The next run of the same output takes the stale file over: none is left in the end."""
    stale = tmp_path / "a.esc.esc-tui.part"
    stale.write_bytes(b"a long half file")
    part = PartFile(tmp_path / "a.esc", ContainerError)
    assert part.part == stale
    part.write(b"whole")
    part.finish()
    assert names(tmp_path) == ["a.esc"]
    assert (tmp_path / "a.esc").read_bytes() == b"whole"


def test_two_writers_of_one_name_do_not_mix(tmp_path: Path) -> None:
    """While one is at work the other writes elsewhere; who is second finds the name taken."""
    one, other = (PartFile(tmp_path / "a.esc", ContainerError) for _ in range(2))
    one.write(b"one")
    other.write(b"other")
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
    part.write(b"whole")
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
