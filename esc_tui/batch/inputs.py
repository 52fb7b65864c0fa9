"""Paths of the command line → the files to work on, and the stems of their results' names."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codec.errors import UsageError

STANDARD_INPUT = Path("-")
SOUND_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd"}
    | {".caf", ".w64", ".rf64", ".voc", ".nist", ".sph", ".gsm"}
    | {".m4a", ".m4b", ".aac", ".ac3", ".amr", ".3gp", ".wma", ".webm", ".weba", ".mka"}
)
CODES_SUFFIXES = frozenset({".esc"})


@dataclass(frozen=True, slots=True)
class Input:
    """A file to work on. `folder` is its place below the folder that was named, and its results' place, too."""

    path: Path
    folder: Path = Path()
    stem: str = ""

    @property
    def name(self) -> str:
        """The path, or words for standard input."""
        return "standard input" if self.path == STANDARD_INPUT else str(self.path)


def find_inputs(paths: Sequence[Path], suffixes: frozenset[str], save_path: Path | None = None) -> list[Input]:
    """Return all files that `paths` name; of folders, recursively, those with one of `suffixes`, each file once.

    Of folders, what stands in a `save_path` within them is left out: results are no inputs. Files of one name get
    stems that differ. Raises `UsageError` where nothing is found.
    """
    found: dict[Path, Input] = {}
    for path in paths:
        inside = _within(path, suffixes, save_path) if path.is_dir() else [Input(path)]
        for item in inside:
            found.setdefault(_real(item.path) if item.path != STANDARD_INPUT else item.path, item)
    if not found:
        kinds = "sound" if suffixes is SOUND_SUFFIXES else ".esc"
        raise UsageError(f"there is no {kinds} file in {', '.join(map(str, paths))}: name files, or another folder")
    return list(_with_stems(list(found.values())))


def _within(folder: Path, suffixes: frozenset[str], save_path: Path | None) -> Iterator[Input]:
    results = _real(save_path) if save_path else None
    for path in sorted(folder.rglob("*")):
        is_result = results != _real(folder) and results in _real(path).parents
        if path.suffix.lower() in suffixes and path.is_file() and not is_result:
            yield Input(path, path.parent.relative_to(folder))


def _real(path: Path) -> Path:
    """Resolve links, up to the first that leads in a circle."""
    return Path(os.path.realpath(path))


def _with_stems(inputs: list[Input]) -> Iterator[Input]:
    """Add the results' stems: the file's stem, its whole name where two stems are equal, numbered if that is equal."""
    stems = Counter((item.folder, item.path.stem) for item in inputs)
    taken: Counter[tuple[Path, str]] = Counter()
    for item in inputs:
        stem = "stdin" if item.path == STANDARD_INPUT else item.path.stem
        stem = item.path.name if stems[item.folder, item.path.stem] > 1 else stem
        taken[item.folder, stem] += 1
        count = taken[item.folder, stem]
        yield Input(item.path, item.folder, stem if count == 1 else f"{stem}-{count}")
