"""`esc-tui decompress`: `.esc` files back to sound."""

from collections.abc import Sequence
from typing import Any

import click

from esc_tui.batch.inputs import CODES_SUFFIXES, Input, Search
from esc_tui.batch.jobs import DecompressJob, Results
from esc_tui.batch.run import load_codec, run_search
from esc_tui.errors import ExitCode
from esc_tui.options.command import build
from esc_tui.options.files import decompress_options, named_inputs


@click.command("decompress")
@decompress_options
def command(**values: Any) -> ExitCode:
    """Decode .esc files.

    INPUT may be files or folders (with all .esc files in them). Each file gives decoded_<kbps>kbps_<name>.wav; at
    fewer streams, nothing is coded anew.
    """
    search = Search(named_inputs(values["inputs"]), CODES_SUFFIXES, values["save_path"])
    results = build(Results, values, codes=False, audio=True)

    def make_jobs(sources: Sequence[Input], workers: int) -> list[DecompressJob]:
        codec = load_codec(values, workers)
        return [build(DecompressJob, values, source=source, results=results, codec=codec) for source in sources]

    return run_search(search, values, make_jobs)
