"""Options that the commands on files share, and how their files are worked through."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codec.config import read_config
from codec.errors import UsageError
from codec.sound.formats import SoundFormat
from esc_tui.errors import ExitCode
from esc_tui.options.shared import PathType, compose, save_path_option

if TYPE_CHECKING:
    from codec import Codec
    from esc_tui.batch.runner import Job

batch_options = compose(
    save_path_option,
    click.option("--overwrite", is_flag=True, help="Replace results that are there already."),
    click.option("--jobs", type=int, metavar="N", help="Files at once.  [default: one for each core]"),
    click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output."),
)

format_option = click.option(
    "--format",
    "audio_format",
    type=click.Choice([str(kind) for kind in SoundFormat]),
    default="wav",
    show_default=True,
    help="Format of the reconstruction.",
)

inputs_argument = click.argument("inputs", nargs=-1, type=PathType, metavar="INPUT...")


def named_inputs(inputs: Sequence[Path], more: Sequence[Path] = ()) -> list[Path]:
    """All that was named, in either way. Raises `UsageError` where nothing was."""
    if not inputs and not more:
        raise UsageError("name at least one file or folder")
    return [*inputs, *more]


def worker_count(jobs: int | None, files: int) -> int:
    """How many files to work on at once. Raises `UsageError` for fewer than one."""
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {jobs}")
    return max(1, min(jobs or _cores(), files))


def shared_cores_codec(model_path: Path | None, device: str, workers: int) -> "Codec":
    """Load a model for so many workers, among which the cores are shared out."""
    if model_path is not None:
        read_config(model_path)  # a wrong folder is told at once
    from codec import Codec  # noqa: PLC0415 - importing torch takes seconds

    callers = workers if device == "cpu" else None
    return Codec.load(model_path, device, threads=max(1, _cores() // workers), max_callers=callers)


def run_jobs(jobs: "Sequence[Job]", workers: int, *, json: bool, console_title: str = "") -> ExitCode:
    """Work through the jobs and show how they go: in the console where it has a title and there is a terminal."""
    from esc_tui.batch.output import run_batch, run_batch_console  # noqa: PLC0415 - likewise
    from esc_tui.batch.runner import Batch  # noqa: PLC0415 - not needed to show the help

    if console_title and not json and sys.stdin.isatty() and sys.stdout.isatty():
        return run_batch_console(Batch(jobs, workers), console_title)
    return run_batch(Batch(jobs, workers), json=json)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
