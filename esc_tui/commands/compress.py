"""`esc-tui compress`: code sound files, or thin files that are coded already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codec.errors import UsageError
from codec.sound.formats import SoundFormat
from esc_tui.batch.inputs import CODES_SUFFIXES, SOUND_SUFFIXES, find_inputs
from esc_tui.commands.batch_options import (
    batch_options,
    format_option,
    inputs_argument,
    named_inputs,
    run_jobs,
    shared_cores_codec,
    worker_count,
)
from esc_tui.errors import ExitCode
from esc_tui.options.shared import (
    PathType,
    chunk_options,
    chunk_plan,
    given_as,
    given_of,
    model_options,
    num_streams_option,
    stitching_option,
)

if TYPE_CHECKING:
    from codec.files.coding import Coding
    from esc_tui.batch.jobs import Results
    from esc_tui.batch.runner import Job


@dataclass(frozen=True, kw_only=True)
class CompressOptions:
    """What was asked of compress."""

    inputs: tuple[Path, ...]
    more_inputs: tuple[Path, ...]
    num_streams: int
    streaming: bool
    chunk_size: int
    overlap_size: int | None
    stitching: str | None
    channels: str
    audio_format: str
    no_audio: bool
    no_codes: bool
    metrics: bool
    to_streams: int | None
    tui: bool
    save_path: Path
    overwrite: bool
    jobs: int | None
    as_json: bool
    model_path: Path | None
    device: str

    @property
    def paths(self) -> list[Path]:
        """The files and folders that were named. Raises `UsageError` where none was."""
        return named_inputs(self.inputs, self.more_inputs)

    def results(self) -> "Results":
        """What each file gives."""
        from esc_tui.batch.jobs import Results  # noqa: PLC0415 - not needed to show the help

        return Results(
            save_path=self.save_path,
            codes=not self.no_codes,
            audio=not self.no_audio and self.to_streams is None,
            audio_format=SoundFormat(self.audio_format),
            overwrite=self.overwrite,
        )

    def coding(self) -> "Coding":
        """How sounds are coded. Raises `UsageError` for what cannot work."""
        from codec.files.coding import Coding  # noqa: PLC0415 - not needed to show the help

        if not self.streaming:
            if given := given_of("chunk_size", "overlap_size", "stitching"):
                raise UsageError(f"{', '.join(given)}: only --streaming codes chunk by chunk: add it")
            return Coding(num_streams=self.num_streams)
        return Coding(num_streams=self.num_streams, plan=chunk_plan(self.chunk_size, self.overlap_size, self.stitching))


@click.command("compress")
@inputs_argument
@click.option("--input", "more_inputs", multiple=True, type=PathType, metavar="FILE", help="The same as INPUT.")
@num_streams_option
@click.option(
    "--streaming", is_flag=True, help="Code chunk by chunk, as sender and receiver do.  [default: as a whole]"
)
@chunk_options
@stitching_option
@click.option(
    "--channels",
    type=click.Choice(["mix", "keep"]),
    default="mix",
    show_default=True,
    help="Mix the channels, or code each by itself.",
)
@format_option
@click.option("--no-audio", is_flag=True, help="Do not write the reconstruction.")
@click.option("--no-codes", is_flag=True, help="Do not write the .esc file.")
@click.option("--metrics", is_flag=True, help="Measure SI-SDR, mel distance, STOI and PESQ against the original.")
@click.option("--to-streams", type=int, metavar="K", help="Thin .esc files to K streams, without decoding them.")
@click.option("--tui", is_flag=True, help="Show the work in the console.")
@batch_options
@model_options
@given_as(CompressOptions)
def command(given: CompressOptions) -> ExitCode:
    """Code sound files, and save the codes and what the codec makes of them.

    INPUT may be files, folders (with all sound files in them) or - for standard input. Each file gives
    encoded_<kbps>kbps_<name>.esc and decoded_<kbps>kbps_<name>.wav.
    """
    paths = given.paths
    work, workers = _coding(paths, given) if given.to_streams is None else _thinning(paths, given, given.to_streams)
    return run_jobs(work, workers, json=given.as_json, console_title="compress" if given.tui else "")


def _coding(paths: Sequence[Path], given: CompressOptions) -> "tuple[list[Job], int]":
    """The jobs that code sounds, and how many to do at once."""
    from codec.files.esc_chunks import header_for  # noqa: PLC0415 - not needed to show the help
    from esc_tui.batch.jobs import CompressJob  # noqa: PLC0415 - likewise

    coding, results = given.coding(), given.results()
    _check(paths, results, metrics=given.metrics)
    sources = find_inputs(paths, SOUND_SUFFIXES, given.save_path)
    workers = worker_count(given.jobs, len(sources))
    codec = shared_cores_codec(given.model_path, given.device, workers)
    header_for(codec, coding.num_streams, coding.plan)  # what no file can be coded with ends it here
    is_mixed = given.channels == "mix"
    jobs = [CompressJob(source, codec, coding, results, mix=is_mixed, metrics=given.metrics) for source in sources]
    return list(jobs), workers


def _thinning(paths: Sequence[Path], given: CompressOptions, num_streams: int) -> "tuple[list[Job], int]":
    """The jobs that leave streams out of codes, and how many to do at once."""
    from esc_tui.batch.jobs import ThinJob  # noqa: PLC0415 - not needed to show the help

    sources = find_inputs(paths, CODES_SUFFIXES, given.save_path)
    workers = worker_count(given.jobs, len(sources))
    if num_streams < 1:
        raise UsageError(f"--to-streams must be at least 1, not {num_streams}")
    results = given.results()
    return [ThinJob(source, results, num_streams) for source in sources], workers


def _check(paths: Sequence[Path], results: "Results", *, metrics: bool) -> None:
    for path in paths:
        if path.suffix.lower() in CODES_SUFFIXES:
            raise UsageError(f"{path} is coded already: use decompress, or --to-streams to thin it")
    if not (results.codes or results.audio or metrics):
        raise UsageError("--no-audio and --no-codes together leave nothing to write: take one of them away")
    if metrics:
        from codec.evaluation.metrics import metrics_available  # noqa: PLC0415 - importing torch takes seconds

        if not metrics_available():
            raise UsageError("--metrics needs two more packages: run pip install 'esc-tui[metrics]'")
