"""The work of `compress` and `decompress` on one file."""

import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codec.atomic_file import file_version
from codec.container import EscReader
from codec.errors import AudioFileError, ContainerError, DamagedChunk, UsageError
from codec.evaluation.quality import QualityMeter
from codec.files.coding import Coding, Targets, compress_file, decompress_file, thin_file
from codec.sound.formats import SoundFormat
from codec.sound.reading import AudioReader
from esc_tui.batch.inputs import CODES_PREFIX, STANDARD_INPUT, Input, result_stem, unreadable_text
from esc_tui.batch.runner import JobWatch
from esc_tui.batch.stats import Outcome

if TYPE_CHECKING:
    from codec import Codec

CHANGED = (
    "the file changed while it was read: what was coded may be part old, part new, or not all of it: code it again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Where results go and which are wanted. One object serves all files of a run."""

    save_path: Path
    codes: bool = True
    audio: bool = True
    audio_format: SoundFormat = SoundFormat.WAV
    overwrite: bool = False
    claims: dict[Path, Input] = field(default_factory=dict, init=False)
    """Which source each file is made from."""

    def targets(self, source: Input, kbps: float) -> Targets:
        """Return the files of one source: `encoded_<kbps>kbps_<name>.esc` and `decoded_<kbps>kbps_<name>.<format>`.

        Raises `UsageError` where another source gives a file of that name.
        """
        targets = self._targets(source, kbps)
        for path in (targets.codes, targets.audio):
            if path and (other := self.claims.setdefault(path, source)) is not source:
                raise UsageError(f"{other.name!r} gives {str(path)!r}, too: use another --save-path for one of them")
        return targets

    def _targets(self, source: Input, kbps: float) -> Targets:
        folder = self.save_path / source.folder
        name = f"{kbps:.1f}kbps_{result_stem(source.stem)}"
        return Targets(
            codes=folder / f"encoded_{name}.esc" if self.codes else None,
            audio=folder / f"decoded_{name}.{self.audio_format}" if self.audio else None,
            audio_format=self.audio_format,
            overwrite=self.overwrite,
        )


@dataclass(frozen=True, slots=True)
class UnreadableFolder:
    """The `Job` that stands for a folder whose files are not known: it fails with the reason."""

    error: OSError
    seconds: float | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return str(self.error.filename)

    def run(self, _watch: JobWatch) -> Outcome:
        """Raise the reason."""
        raise AudioFileError(unreadable_text(self.error))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob(ABC):
    """What every `Job` on a file has: `source`, and how its results are written."""

    source: Input
    results: Results

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    def run(self, watch: JobWatch) -> Outcome:
        """Work on the file; one that changes meanwhile gives a warning."""
        before = file_version(self.source.path)
        outcome = self.process(watch)
        if file_version(self.source.path) == before:
            return outcome
        coded = replace(outcome.coded, warnings=(*outcome.coded.warnings, CHANGED))
        return replace(outcome, coded=coded)

    @abstractmethod
    def process(self, watch: JobWatch) -> Outcome:
        """Do the work, and report the sound that passes to `watch`. Raises `EscError`."""

    @property
    def seconds(self) -> float | None:
        """The sound's length by the header of the `.esc` file; None where it has none."""
        try:
            with EscReader(self.source.path) as reader:
                return reader.total_samples / reader.header.sample_rate
        except ContainerError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressJob(FileJob):
    """A sound file to codes and reconstruction."""

    codec: "Codec"
    coding: Coding
    mix: bool = True
    metrics: bool = False

    @property
    def seconds(self) -> float | None:
        """The sound's length as far as its file states it; None for standard input, a pipe, or what is no sound."""
        if not self.source.path.is_file():
            return None
        try:
            with AudioReader(self.source.path, self.codec.sample_rate) as reader:
                samples = reader.total_samples
        except AudioFileError:
            return None
        return None if samples is None else samples / self.codec.sample_rate

    def process(self, watch: JobWatch) -> Outcome:
        """Code the file, and decode it where sound or metrics are wanted."""
        rate, streams = self.codec.sample_rate, self.coding.num_streams or self.codec.max_streams
        targets = self.results.targets(self.source, self.codec.kbps(streams))
        with _open_sound(self.source.path, rate, mix=self.mix) as reader:
            meter = QualityMeter(reader.given_channels, reader.rate) if self.metrics else None
            watch.begin(rate, passes=2 if self.results.audio or self.metrics else 1, quality=meter)
            coded = compress_file(reader, self.codec, self.coding, targets, watch, listen=self.metrics)
            quality = meter.finish() if meter else None
        return Outcome(coded, _names(targets), quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecompressJob(FileJob):
    """An `.esc` file to its sound."""

    codec: "Codec"
    num_streams: int | None = None
    ignore_errors: bool = False

    def process(self, watch: JobWatch) -> Outcome:
        """Decode the file."""
        watch.begin(self.codec.sample_rate)
        with EscReader(self.source.path) as reader:
            kbps = self.codec.kbps(self.num_streams or reader.header.num_streams)
            targets = self.results.targets(self.source, kbps)
            try:
                coded = decompress_file(
                    reader, self.codec, targets, watch, num_streams=self.num_streams, ignore_errors=self.ignore_errors
                )
            except DamagedChunk as error:
                raise ContainerError(f"{error}: with --ignore-errors silence takes its place") from error
        return Outcome(coded, _names(targets))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinJob(FileJob):
    """An `.esc` file to one of fewer streams."""

    num_streams: int

    def process(self, watch: JobWatch) -> Outcome:
        """Copy the codes that stay."""
        with EscReader(self.source.path) as reader:
            header = reader.header
            targets = self.results.targets(self.source, header.kbps * self.num_streams / header.num_streams)
            assert targets.codes
            coded = thin_file(reader, targets.codes, self.num_streams, overwrite=targets.overwrite)
        watch.begin(header.sample_rate)
        watch.skip(coded.samples)
        return Outcome(coded, _names(targets))


def is_thin(path: Path, num_streams: int) -> bool:
    """Whether a file is named as codes that were written, and thinning it to so many streams would change nothing."""
    if not CODES_PREFIX.match(path.name):
        return False
    try:
        with EscReader(path) as reader:
            return reader.header.num_streams <= num_streams
    except ContainerError:
        return False  # its job tells what is wrong


@contextmanager
def _open_sound(path: Path, rate: int, *, mix: bool) -> Iterator[AudioReader]:
    """Open a sound file, or a copy of standard input, which cannot be searched itself."""
    if path != STANDARD_INPUT:
        with AudioReader(path, rate, mix=mix) as reader:
            yield reader
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.seek(0)
        with AudioReader(copy, rate, mix=mix) as reader:
            yield reader


def _names(targets: Targets) -> tuple[str, ...]:
    return tuple(str(path) for path in (targets.codes, targets.audio) if path)
