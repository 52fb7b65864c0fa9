"""The options of the commands on files, and the settings of `compress`."""

import os
from collections.abc import Sequence
from pathlib import Path

import click
from click import option

from codec.chunks.plan import ChunkPlan
from codec.errors import UsageError
from codec.sound.enhancement import check_enhancement
from esc_tui.batch.inputs import CODES_SUFFIXES
from esc_tui.options.chunks import chunk_options, chunk_plan, stitching_option
from esc_tui.options.command import Values, compose, flag, options_given, require_extra
from esc_tui.options.shared import (
    PathType,
    model_options,
    num_streams_option,
    save_path_option,
    sound_format_option,
)

MAX_WORKERS = 64

inputs_argument = click.argument("inputs", nargs=-1, type=PathType, metavar="INPUT...")

format_option = sound_format_option(help="Format of the reconstruction.")

batch_options = compose(
    save_path_option,
    flag("--overwrite", help="Replace results that are there already."),
    option("--jobs", type=int, metavar="N", help="Files at once, 64 at most.  [default: one for each core]"),
    flag("--json", help="One JSON object a line on standard output."),
    model_options,
)

compress_options = compose(
    inputs_argument,
    option("--input", "more_inputs", multiple=True, type=PathType, metavar="FILE", help="The same as INPUT."),
    num_streams_option,
    flag("--streaming", help="Code chunk by chunk, as sender and receiver do.  [default: as a whole]"),
    chunk_options,
    stitching_option,
    option(
        "--channels",
        type=click.Choice(["mix", "keep"]),
        default="mix",
        help="Mix the channels, or code each by itself.",
    ),
    flag("--enhance", help="Suppress noise and level the voice before coding, and before --metrics (extra voice)."),
    format_option,
    flag("--no-audio", help="Do not write the reconstruction."),
    flag("--no-codes", help="Do not write the .esc file."),
    flag("--metrics", help="Measure SI-SDR, mel distance, STOI and PESQ against the original."),
    option("--to-streams", type=int, metavar="K", help="Thin .esc files to K streams, without decoding them."),
    flag("--tui", help="Show the work in the console."),
    batch_options,
)

decompress_options = compose(
    inputs_argument,
    option("--num-streams", type=int, metavar="K", help="Decode only the first K streams.  [default: all]"),
    flag("--ignore-errors", help="Put silence in the place of damaged chunks, and go on."),
    format_option,
    batch_options,
)


CHUNK_PARAMETERS = ("chunk_size", "overlap_size", "stitching")
CODING_PARAMETERS = (*CHUNK_PARAMETERS, "num_streams", "streaming", "channels", "audio_format", "metrics")
"""Parameters that say how sound is coded, which thinning does not do."""


def named_inputs(inputs: Sequence[Path], more: Sequence[Path] = ()) -> list[Path]:
    """Return all paths that were named; raises `UsageError` for none."""
    if not inputs and not more:
        raise UsageError("name at least one file or folder")
    return [*inputs, *more]


def worker_count(jobs: int | None, files: int) -> int:
    """Return how many files to work on at once: as many as asked for, `MAX_WORKERS` or one a core at most.

    Raises `UsageError` for `--jobs` below 1.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {jobs}")
    return max(1, min(jobs or available_cores(), files, max(MAX_WORKERS, available_cores())))


def worker_notes(jobs: int | None, workers: int) -> list[str]:
    """Return what a person should know where `--jobs` is beyond the cores."""
    cores = available_cores()
    if jobs is None or workers <= cores:
        return []
    return [f"--jobs {jobs}: {workers} files at once on {cores} cores take more memory, but no less time"]


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compress_plan(values: Values) -> ChunkPlan | None:
    """Return the chunk plan of `compress`, None for coding files as a whole.

    Raises `UsageError` for values that cannot work, alone or together, as far as they show it without a model.
    """
    paths = named_inputs(values["inputs"], values["more_inputs"])
    worker_count(values["jobs"], len(paths))
    if values["to_streams"] is not None:
        if values["to_streams"] < 1:
            raise UsageError(f"--to-streams must be at least 1, not {values['to_streams']}")
        if values["enhance"]:
            raise UsageError("--enhance is for sound, and --to-streams for codes: leave one of them out")
        if given := options_given(*CODING_PARAMETERS):
            raise UsageError(f"{', '.join(given)}: --to-streams only thins what is coded already: leave it out")
        return None
    for path in paths:
        if path.suffix.lower() in CODES_SUFFIXES:
            raise UsageError(f"{path} is coded already: use decompress, or --to-streams to thin it")
    if values["no_audio"] and values["no_codes"] and not values["metrics"]:
        raise UsageError("--no-audio and --no-codes together leave nothing to write: take one of them away")
    if values["enhance"]:
        check_enhancement()
    if values["metrics"]:
        require_extra("--metrics", "metrics", "pystoi", "pesq")
    if values["streaming"]:
        return chunk_plan(values)
    if given := options_given(*CHUNK_PARAMETERS):
        raise UsageError(f"{', '.join(given)}: only --streaming codes chunk by chunk: add it")
    return None
