"""The work that `compress` and `decompress` do on one file."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from codec.container import EscReader
from codec.errors import ContainerError, DamagedChunk
from codec.evaluation.quality import QualityMeter
from codec.files.coding import Coding, Targets, compress_file, decompress_file, thin_file
from codec.sound.formats import SoundFormat
from codec.sound.reading import AudioReader
from codec.types import ChannelAudio
from esc_tui.batch.inputs import STANDARD_INPUT, Input
from esc_tui.batch.runner import JobWatch, Outcome

if TYPE_CHECKING:
    from codec import Codec


_RESULT_NAME = re.compile(r"^encoded_[0-9.]+kbps_")
"""What `compress` put before a file's name, and what comes of its `.esc` is named without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Where results go and which are wanted."""

    save_path: Path
    codes: bool = True
    audio: bool = True
    audio_format: SoundFormat = SoundFormat.WAV
    overwrite: bool = False

    def targets(self, source: Input, kbps: float) -> Targets:
        """The files of one source: `encoded_<kbps>kbps_<name>.esc` and `decoded_<kbps>kbps_<name>.<format>`."""
        folder = self.save_path / source.folder
        name = f"{kbps:.1f}kbps_{_RESULT_NAME.sub('', source.stem)}"
        return Targets(
            codes=folder / f"encoded_{name}.esc" if self.codes else None,
            audio=folder / f"decoded_{name}.{self.audio_format}" if self.audio else None,
            audio_format=self.audio_format,
            overwrite=self.overwrite,
        )


class CompressJob:
    """A sound file to codes and reconstruction."""

    def __init__(
        self,
        source: Input,
        codec: "Codec",
        coding: Coding,
        results: Results,
        *,
        mix: bool = True,
        metrics: bool = False,
    ) -> None:
        self.name = source.name
        self._source, self._codec, self._coding, self._results = source, codec, coding, results
        self._mix, self._metrics = mix, metrics

    @property
    def seconds(self) -> float | None:
        """The sound's length as its header tells it."""
        if not self._source.path.is_file():  # standard input; a pipe; nothing
            return None
        try:
            return float(soundfile.info(self._source.path).duration)
        except (soundfile.LibsndfileError, TypeError, OSError):
            return None

    def run(self, watch: JobWatch) -> Outcome:
        """Code the file."""
        watch.sample_rate = self._codec.sample_rate
        watch.decodes = self._results.audio or self._metrics
        streams = self._coding.num_streams or self._codec.max_streams
        targets = self._results.targets(self._source, self._codec.kbps(streams))
        with _open_sound(self._source.path, self._codec.sample_rate, mix=self._mix) as reader:
            meter = QualityMeter(reader.given_channels, reader.rate) if self._metrics else None
            watched = _Measured(watch, meter) if meter else watch
            coded = compress_file(reader, self._codec, self._coding, targets, watched, listen=self._metrics)
            quality = meter.finish() if meter else None
        return Outcome(coded, _names(targets), quality)


class DecompressJob:
    """An `.esc` file to its sound."""

    def __init__(
        self, source: Input, codec: "Codec", results: Results, *, num_streams: int | None, ignore_errors: bool
    ) -> None:
        self.name = source.name
        self._source, self._codec, self._results = source, codec, results
        self._num_streams, self._ignore_errors = num_streams, ignore_errors

    @property
    def seconds(self) -> float | None:
        """The sound's length as the file tells it."""
        return _seconds(self._source.path)

    def run(self, watch: JobWatch) -> Outcome:
        """Decode the file."""
        watch.sample_rate = self._codec.sample_rate
        with EscReader(self._source.path) as reader:
            targets = self._results.targets(
                self._source, self._codec.kbps(self._num_streams or reader.header.num_streams)
            )
            try:
                coded = decompress_file(
                    reader,
                    self._codec,
                    targets,
                    watch,
                    num_streams=self._num_streams,
                    ignore_errors=self._ignore_errors,
                )
            except DamagedChunk as error:
                raise ContainerError(f"{error}: with --ignore-errors silence takes its place") from error
        return Outcome(coded, _names(targets))


class ThinJob:
    """An `.esc` file to one of fewer streams."""

    def __init__(self, source: Input, results: Results, num_streams: int) -> None:
        self.name = source.name
        self._source, self._results, self._num_streams = source, results, num_streams

    @property
    def seconds(self) -> float | None:
        """The sound's length as the file tells it."""
        return _seconds(self._source.path)

    def run(self, watch: JobWatch) -> Outcome:
        """Copy the codes that stay."""
        with EscReader(self._source.path) as reader:
            header = reader.header
            targets = self._results.targets(self._source, header.kbps * self._num_streams / header.num_streams)
            assert targets.codes
            coded = thin_file(reader, targets.codes, self._num_streams, overwrite=targets.overwrite)
        watch.sample_rate = header.sample_rate
        watch.passed(coded.samples)
        return Outcome(coded, _names(targets))


class _Measured:
    """A watch that measures quality too."""

    def __init__(self, watch: JobWatch, meter: QualityMeter) -> None:
        self._watch, self._watches = watch, (watch, meter)

    def original(self, audio: ChannelAudio) -> None:
        for watch in self._watches:
            watch.original(audio)

    def decoded(self, audio: ChannelAudio) -> None:
        for watch in self._watches:
            watch.decoded(audio)

    def stored(self, payload_bytes: int) -> None:
        self._watch.stored(payload_bytes)


@contextmanager
def _open_sound(path: Path, rate: int, *, mix: bool) -> Iterator[AudioReader]:
    """Open a sound file, or what comes on standard input, which is first copied to where it can be searched."""
    if path != STANDARD_INPUT:
        with AudioReader(path, rate, mix=mix) as reader:
            yield reader
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.seek(0)
        with AudioReader(copy, rate, mix=mix) as reader:
            yield reader


def _seconds(path: Path) -> float | None:
    try:
        with EscReader(path) as reader:
            return reader.total_samples / reader.header.sample_rate
    except ContainerError:
        return None


def _names(targets: Targets) -> tuple[str, ...]:
    return tuple(str(path) for path in (targets.codes, targets.audio) if path)
