from pathlib import Path

import pytest

from codec.errors import UsageError
from esc_tui.batch.inputs import CODES_SUFFIXES, SOUND_SUFFIXES, find_inputs


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(paths: list[Path], save_path: Path | None = None) -> list[tuple[str, str]]:
    return [(str(item.folder / item.stem), item.path.name) for item in find_inputs(paths, SOUND_SUFFIXES, save_path)]


def test_folders_are_searched_for_sound(tmp_path: Path) -> None:
    """All sound files below a folder are found, whatever the case of their suffix; other files are passed over."""
    make(tmp_path, "b/c.FLAC", "a.wav", "notes.txt", "x.esc", "a.wav.1234.part")
    assert found([tmp_path]) == [("a", "a.wav"), ("b/c", "c.FLAC")]


def test_results_are_no_inputs(tmp_path: Path) -> None:
    """Running twice over a folder that holds the save path does not code the results."""
    make(tmp_path, "a.wav", "output/decoded_9.0kbps_a.wav")
    assert found([tmp_path], tmp_path / "output") == [("a", "a.wav")]
    assert len(found([tmp_path / "output"], tmp_path / "output")) == 1


def test_results_never_share_a_name(tmp_path: Path) -> None:
    """Files that differ in their suffix or folder alone give results that differ."""
    make(tmp_path, "a.wav", "a.flac", "one/b.wav", "two/b.wav", "one/c.wav", "two/c.wav")
    stems = [stem for stem, _ in found([tmp_path])]
    assert stems == ["a.flac", "a.wav", "one/b", "one/c", "two/b", "two/c"]
    stems = [stem for stem, _ in found([tmp_path / "one/b.wav", tmp_path / "two"])]
    assert len(set(stems)) == len(stems) == 3


def test_a_file_named_twice_is_coded_once(tmp_path: Path) -> None:
    """Naming a file and its folder is no reason to do the work twice."""
    make(tmp_path, "a.wav", "b.wav")
    assert len(found([tmp_path / "b.wav", tmp_path, tmp_path / "b.wav"])) == 2


def test_files_are_taken_as_named(tmp_path: Path) -> None:
    """A file that is named is an input whatever its suffix, even where it is missing: opening it will tell."""
    assert found([tmp_path / "speech.raw"]) == [("speech", "speech.raw")]
    assert found([Path("-")]) == [("stdin", "-")]


@pytest.mark.parametrize("suffixes", [SOUND_SUFFIXES, CODES_SUFFIXES])
def test_an_empty_folder_is_named(tmp_path: Path, suffixes: frozenset[str]) -> None:
    """Where nothing is found, the error says where it was looked for."""
    with pytest.raises(UsageError, match=str(tmp_path)):
        find_inputs([tmp_path], suffixes)
