"""`esc-tui decompress`: `.esc` files back to sound."""

from pathlib import Path

import click

from codec.sound.formats import SoundFormat
from esc_tui.batch.inputs import CODES_SUFFIXES, find_inputs
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
from esc_tui.options.shared import model_options


@click.command("decompress")
@inputs_argument
@click.option("--num-streams", type=int, metavar="K", help="Decode only the first K streams.  [default: all]")
@click.option("--ignore-errors", is_flag=True, help="Put silence in the place of damaged chunks, and go on.")
@format_option
@batch_options
@model_options
def command(
    *,
    inputs: tuple[Path, ...],
    num_streams: int | None,
    ignore_errors: bool,
    audio_format: str,
    save_path: Path,
    overwrite: bool,
    jobs: int | None,
    as_json: bool,
    model_path: Path | None,
    device: str,
) -> ExitCode:
    """Decode .esc files.

    INPUT may be files or folders (with all .esc files in them). Each file gives decoded_<kbps>kbps_<name>.wav; at
    fewer streams, nothing is coded anew.
    """
    sources = find_inputs(named_inputs(inputs), CODES_SUFFIXES, save_path)
    from esc_tui.batch.jobs import DecompressJob, Results  # noqa: PLC0415 - not needed to show the help

    workers = worker_count(jobs, len(sources))
    codec = shared_cores_codec(model_path, device, workers)
    results = Results(save_path=save_path, codes=False, audio_format=SoundFormat(audio_format), overwrite=overwrite)
    work = [
        DecompressJob(source, codec, results, num_streams=num_streams, ignore_errors=ignore_errors)
        for source in sources
    ]
    return run_jobs(work, workers, json=as_json)
