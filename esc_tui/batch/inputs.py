"""Paths of the command line → the files to work on, and the stems of their results' names."""

import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codec.atomic_file import PART_SUFFIX_BYTES
from codec.errors import UsageError

STANDARD_INPUT = Path("-")
SOUND_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd"}
    | {".caf", ".w64", ".rf64", ".voc", ".nist", ".sph", ".gsm"}
    | {".m4a", ".m4b", ".aac", ".ac3", ".amr", ".3gp", ".wma", ".webm", ".weba", ".mka"}
)
CODES_SUFFIXES = frozenset({".esc"})

CODES_PREFIX = re.compile(r"^encoded_[0-9]+\.[0-9]kbps_")
DECODED_PREFIX = re.compile(r"^decoded_[0-9]+\.[0-9]kbps_")
"""What the commands put before the names of the codes and of the sound that they write."""
MAX_NAME_BYTES: Final = 255
"""Of a file's name on nearly every file system."""
MAX_STEM_BYTES: Final = MAX_NAME_BYTES - len("encoded_999.9kbps_") - len(".flac") - PART_SUFFIX_BYTES
DIGEST_DIGITS: Final = 12


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


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the files, how many results of earlier runs were left out, and errors of folders."""

    inputs: tuple[Input, ...]
    results: int = 0
    errors: tuple[OSError, ...] = ()


def is_decoded(path: Path) -> bool:
    """Whether a file is named as sound that was decoded."""
    return bool(DECODED_PREFIX.match(path.name))


@dataclass(frozen=True, slots=True)
class Search:
    """Finds all files that `paths` name; of folders, recursively, those with one of `suffixes`, each file once.

    Where a file has several names, the one that was given counts, before links that lie in a folder. Of folders,
    results of earlier runs are left out: what `is_result` says, and whatever stands in a `save_path` within them.
    """

    paths: Sequence[Path]
    suffixes: frozenset[str]
    save_path: Path | None = None
    is_result: Callable[[Path], bool] = is_decoded

    def find(self) -> Found:
        """Search now; files of one name get stems that differ. Raises `UsageError` where nothing is found."""
        found = self._find()
        if found.inputs or found.errors:
            return found
        kinds = "sound" if self.suffixes is SOUND_SUFFIXES else ".esc"
        places = ", ".join(map(str, self.paths))
        but = f" but {_results_text(found.results)}" if found.results else ""
        raise UsageError(f"there is no {kinds} file in {places}{but}: name files, or another folder")

    def notes(self, found: Found) -> list[str]:
        """Return what a person should know of the files that were found."""
        return [f"left out {_results_text(found.results)}: name one to use it"] if found.results else []

    def late_notes(self, found: Found) -> list[str]:
        """Return how many files have come since they were searched for."""
        new = {item.path for item in self._find().inputs} - {item.path for item in found.inputs}
        if not new:
            return []
        return [f"{_count(len(new), 'file')} came while others were worked on, and not read: run the command again"]

    def _find(self) -> Found:
        ranked: dict[Path, tuple[int, Input]] = {}
        results, errors = 0, list[OSError]()
        for path in self.paths:
            for rank, item in self._within(path, errors) if path.is_dir() else [(0, Input(path))]:
                if item is None:
                    results += 1
                    continue
                key = item.path if item.path == STANDARD_INPUT else _real(item.path)
                before = ranked.get(key)
                if before is None or rank < before[0]:
                    ranked[key] = rank, item
        return Found(tuple(_with_stems([item for _, item in ranked.values()])), results, tuple(errors))

    def _within(self, folder: Path, errors: list[OSError]) -> Iterator[tuple[int, Input | None]]:
        """Yield the files of a folder, those that are links at rank 2 and others at 1, and None for each result."""
        saved = _real(self.save_path) if self.save_path else None
        for path in sorted(_files(folder, errors)):
            if path.suffix.lower() not in self.suffixes or not path.is_file():
                continue
            is_saved = saved != _real(folder) and saved in _real(path).parents
            item = None if is_saved or self.is_result(path) else Input(path, path.parent.relative_to(folder))
            yield 2 if path.is_symlink() else 1, item


def result_stem(stem: str) -> str:
    """Return what a result's name has of its source's stem.

    The prefix of coded files is left out. A stem of more than `MAX_STEM_BYTES` bytes is cut, and ends in `~` and
    the first digits of its SHA-256, so that stems which differ still do.
    """
    data = os.fsencode(CODES_PREFIX.sub("", stem))
    if len(data) <= MAX_STEM_BYTES:
        return os.fsdecode(data)
    end = MAX_STEM_BYTES - 1 - DIGEST_DIGITS
    while data[end] & 0xC0 == 0x80:  # within a character of UTF-8
        end -= 1
    return f"{os.fsdecode(data[:end])}~{hashlib.sha256(data).hexdigest()[:DIGEST_DIGITS]}"


def unreadable_text(error: OSError) -> str:
    """Return which folder cannot be read, and why."""
    return f"cannot read the folder {error.filename!r}: {error.strerror}"


def _files(folder: Path, errors: list[OSError]) -> Iterator[Path]:
    """Yield the paths of all files below a folder; add the errors of folders that cannot be read."""
    for parent, _, names in os.walk(folder, onerror=errors.append):
        yield from (Path(parent, name) for name in names)


def _real(path: Path) -> Path:
    """Resolve links, up to the first that leads in a circle."""
    return Path(os.path.realpath(path))


def _with_stems(inputs: list[Input]) -> Iterator[Input]:
    """Add the results' stems: the file's stem, its whole name where two stems are equal, numbered if that is equal."""
    stems = Counter((item.folder, item.path.stem) for item in inputs)
    taken = set[tuple[Path, str]]()
    for item in inputs:
        stem = "stdin" if item.path == STANDARD_INPUT else item.path.stem
        stem = item.path.name if stems[item.folder, item.path.stem] > 1 else stem
        numbered = (stem if count == 1 else f"{stem}-{count}" for count in itertools.count(1))
        free = next(name for name in numbered if (item.folder, name) not in taken)
        taken.add((item.folder, free))
        yield Input(item.path, item.folder, free)


def _results_text(count: int) -> str:
    return f"{_count(count, 'result')} of earlier runs"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
