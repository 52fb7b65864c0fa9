"""`esc-tui decompress`: `.esc` files back to sound."""

from typing import Any

import click

from codec.sound.formats import SoundFormat
from esc_tui.batch.inputs import CODES_SUFFIXES, find_inputs
from esc_tui.batch.jobs import DecompressJob, Results
from esc_tui.batch.run import load_codec, run_jobs
from esc_tui.errors import ExitCode
from esc_tui.options.command import build
from esc_tui.options.files import decompress_options, named_inputs, worker_count


@click.command("decompress")
@decompress_options
def command(**values: Any) -> ExitCode:
    """Decode .esc files.

    INPUT may be files or folders (with all .esc files in them). Each file gives decoded_<kbps>kbps_<name>.wav; at
    fewer streams, nothing is coded anew.
    """
    sources = find_inputs(named_inputs(values["inputs"]), CODES_SUFFIXES, values["save_path"])
    workers = worker_count(values["jobs"], len(sources))
    codec = load_codec(values, workers)
    results = build(Results, values, codes=False, audio=True, audio_format=SoundFormat(values["audio_format"]))
    jobs = [build(DecompressJob, values, source=source, results=results, codec=codec) for source in sources]
    return run_jobs(jobs, workers, json=values["json"])
