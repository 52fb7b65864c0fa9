import os
from pathlib import Path

import pytest

from codec.errors import UsageError
from esc_tui.batch.inputs import CODES_SUFFIXES, MAX_STEM_BYTES, SOUND_SUFFIXES, Search, result_stem


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(paths: list[Path], save_path: Path | None = None) -> list[tuple[str, str]]:
    inputs = Search(paths, SOUND_SUFFIXES, save_path).find().inputs
    return [(str(item.folder / item.stem), item.path.name) for item in inputs]


def test_folders_are_searched_for_sound(tmp_path: Path) -> None:
    """All sound files below a folder are found, whatever the case of their suffix; other files are passed over."""
    make(tmp_path, "b/c.FLAC", "a.wav", "notes.txt", "x.esc", "a.wav.1234.part")
    assert found([tmp_path]) == [("a", "a.wav"), ("b/c", "c.FLAC")]


@pytest.mark.parametrize("save_path", ["output", ".", "elsewhere"])
def test_results_are_no_inputs(tmp_path: Path, save_path: str) -> None:
    """Running twice over a folder does not code the results, wherever they were saved, and says how many there are."""
    make(tmp_path, "a.wav", "decoded_9.0kbps_a.wav", "output/decoded_9.0kbps_a.flac", "output/decoded_1.5kbps_b.mp3")
    search = Search([tmp_path], SOUND_SUFFIXES, tmp_path / save_path)
    result = search.find()
    assert [item.path.name for item in result.inputs] == ["a.wav"]
    assert "left out 3 results" in search.notes(result)[0]
    with pytest.raises(UsageError, match="but 2 results"):
        found([tmp_path / "output"], tmp_path / save_path)


def test_a_result_that_is_named_is_an_input(tmp_path: Path) -> None:
    """What a person names is meant, whatever it is called."""
    make(tmp_path, "decoded_9.0kbps_a.wav")
    assert found([tmp_path / "decoded_9.0kbps_a.wav"], tmp_path)[0][0] == "decoded_9.0kbps_a"


def test_files_in_the_save_path_are_results(tmp_path: Path) -> None:
    """Whatever stands in a save path within the folder was not meant as input."""
    make(tmp_path, "a.wav", "output/b.wav")
    assert found([tmp_path], tmp_path / "output") == [("a", "a.wav")]


def test_the_named_file_counts_and_not_a_link_to_it(tmp_path: Path) -> None:
    """A file is taken under the name that was given, a link too, and else under its own and not under a link's."""
    make(tmp_path, "m.wav")
    (tmp_path / "a-link.wav").symlink_to("m.wav")
    (tmp_path / "z-link.wav").symlink_to("m.wav")
    assert found([tmp_path]) == [("m", "m.wav")]
    for name in ("m.wav", "a-link.wav", "z-link.wav"):
        assert [taken for _, taken in found([tmp_path, tmp_path / name])] == [name]
        assert [taken for _, taken in found([tmp_path / name, tmp_path])] == [name]


def test_late_files_are_counted(tmp_path: Path) -> None:
    """What comes into a folder after it was read is told; what was there before, and results, are not."""
    make(tmp_path, "a.wav", "b.wav")
    search = Search([tmp_path], SOUND_SUFFIXES, tmp_path)
    result = search.find()
    assert search.late_notes(result) == []
    make(tmp_path, "c.wav", "d/e.flac", "decoded_9.0kbps_a.wav")
    (tmp_path / "b.wav").unlink()
    (note,) = search.late_notes(result)
    assert note.startswith("2 files came")


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are not silently missing; the others are found."""
    make(tmp_path, "a.wav", "closed/b.wav")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = Search([tmp_path], SOUND_SUFFIXES).find()
    assert [item.path.name for item in result.inputs] == ["a.wav"]
    assert [error.filename for error in result.errors] == [str(tmp_path / "closed")]


@pytest.mark.parametrize("letter", ["n", "ü", "\udce4"])
def test_long_stems_are_cut_at_a_character_and_stay_apart(letter: str) -> None:
    """A result's name fits with all that is added; equal stems give equal names, and others differ."""
    width = len(os.fsencode(letter))
    fits, long = letter * (MAX_STEM_BYTES // width), letter * (MAX_STEM_BYTES // width + 1)
    assert result_stem(fits) == fits
    stems = {result_stem(long), result_stem(long + "a"), result_stem(long + "b")}
    assert len(stems) == 3
    assert result_stem(f"encoded_9.0kbps_{long}") == result_stem(long)
    for stem in stems:
        assert len(os.fsencode(f"decoded_100.5kbps_{stem}.opus.esc-tui.part")) <= 255
        assert stem.rstrip("0123456789abcdef") == letter * (len(stem) - 13) + "~"
        assert result_stem(stem) == stem


def test_results_never_share_a_name(tmp_path: Path) -> None:
    """Files that differ in their suffix or folder alone give results that differ."""
    make(tmp_path, "a.wav", "a.flac", "one/b.wav", "two/b.wav", "one/c.wav", "two/c.wav")
    stems = [stem for stem, _ in found([tmp_path])]
    assert stems == ["a.flac", "a.wav", "one/b", "one/c", "two/b", "two/c"]
    stems = [stem for stem, _ in found([tmp_path / "one/b.wav", tmp_path / "two"])]
    assert len(set(stems)) == len(stems) == 3
    make(tmp_path, "three/b.wav-2.flac")
    stems = [stem for stem, _ in found([tmp_path / name for name in ("one/b.wav", "two/b.wav", "three/b.wav-2.flac")])]
    assert len(set(stems)) == 3


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
        Search([tmp_path], suffixes).find()
