"""The work of `compress` and `decompress` on one file."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codec.container import EscReader
from codec.errors import AudioFileError, ContainerError, DamagedChunk
from codec.evaluation.quality import QualityMeter
from codec.files.coding import Coding, Targets, compress_file, decompress_file, thin_file
from codec.sound.formats import SoundFormat
from codec.sound.reading import AudioReader
from esc_tui.batch.inputs import STANDARD_INPUT, Input
from esc_tui.batch.runner import JobWatch
from esc_tui.batch.stats import Outcome

if TYPE_CHECKING:
    from codec import Codec

_RESULT_NAME = re.compile(r"^encoded_[0-9.]+kbps_")
"""What `compress` puts before a name; the files made of its `.esc` are named without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Where results go and which are wanted."""

    save_path: Path
    codes: bool = True
    audio: bool = True
    audio_format: SoundFormat = SoundFormat.WAV
    overwrite: bool = False

    def targets(self, source: Input, kbps: float) -> Targets:
        """Return the files of one source: `encoded_<kbps>kbps_<name>.esc` and `decoded_<kbps>kbps_<name>.<format>`."""
        folder = self.save_path / source.folder
        name = f"{kbps:.1f}kbps_{_RESULT_NAME.sub('', source.stem)}"
        return Targets(
            codes=folder / f"encoded_{name}.esc" if self.codes else None,
            audio=folder / f"decoded_{name}.{self.audio_format}" if self.audio else None,
            audio_format=self.audio_format,
            overwrite=self.overwrite,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """What every `Job` on a file has: `source`, and how its results are written."""

    source: Input
    results: Results

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

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

    def run(self, watch: JobWatch) -> Outcome:
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

    def run(self, watch: JobWatch) -> Outcome:
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

    def run(self, watch: JobWatch) -> Outcome:
        """Copy the codes that stay."""
        with EscReader(self.source.path) as reader:
            header = reader.header
            targets = self.results.targets(self.source, header.kbps * self.num_streams / header.num_streams)
            assert targets.codes
            coded = thin_file(reader, targets.codes, self.num_streams, overwrite=targets.overwrite)
        watch.begin(header.sample_rate)
        watch.skip(coded.samples)
        return Outcome(coded, _names(targets))


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
