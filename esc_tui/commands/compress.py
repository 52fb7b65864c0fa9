"""`esc-tui compress`: code sound files, or thin files that are coded already."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from codec.chunks.plan import ChunkPlan
from codec.config import read_config
from codec.errors import UsageError
from codec.files.coding import Coding
from codec.files.esc_chunks import header_for
from esc_tui.batch.inputs import CODES_SUFFIXES, SOUND_SUFFIXES, Input, Search
from esc_tui.batch.jobs import CompressJob, Results, ThinJob, is_thin
from esc_tui.batch.run import load_codec, run_search
from esc_tui.batch.runner import Job
from esc_tui.errors import ExitCode
from esc_tui.options.command import SettingsCommand, Values
from esc_tui.options.files import compress_options, compress_plan, named_inputs
from net.settings import MAX_STREAMS


def check_files(values: Values) -> None:
    """Raise the `EscError` for which nothing would be coded: no sound file, no such model, too many streams for it."""
    _search(values).find()
    if values["to_streams"] is None:
        path, streams = values["model_path"], values["num_streams"]
        most = read_config(path).max_streams if path else MAX_STREAMS
        if not 1 <= streams <= most:
            raise UsageError(f"the number of streams must be 1 to {most}, not {streams}")


@click.command("compress", cls=SettingsCommand, make_settings=compress_plan, check_files=check_files)
@compress_options
def command(**values: Any) -> ExitCode:
    """Code sound files, and save the codes and what the codec makes of them.

    INPUT may be files, folders (with all sound files in them) or - for standard input. Each file gives
    encoded_<kbps>kbps_<name>.esc and decoded_<kbps>kbps_<name>.wav.
    """
    plan, thins = compress_plan(values), values["to_streams"] is not None
    search = _search(values)
    results = Results(
        save_path=values["save_path"],
        codes=not values["no_codes"],
        audio=not values["no_audio"] and not thins,
        audio_format=values["audio_format"],
        overwrite=values["overwrite"],
    )

    def make_jobs(sources: Sequence[Input], workers: int) -> list[Job]:
        if thins:
            return [ThinJob(source=source, results=results, num_streams=values["to_streams"]) for source in sources]
        return _compress_jobs(sources, results, plan, workers, values)

    return run_search(search, values, make_jobs, console_title="compress" if values["tui"] else "")


def _search(values: Values) -> Search:
    paths = named_inputs(values["inputs"], values["more_inputs"])
    if values["to_streams"] is None:
        return Search(paths, SOUND_SUFFIXES, values["save_path"])
    is_result = partial(is_thin, num_streams=values["to_streams"])
    return Search(paths, CODES_SUFFIXES, values["save_path"], is_result)


def _compress_jobs(
    sources: Sequence[Input], results: Results, plan: ChunkPlan | None, workers: int, values: Values
) -> list[Job]:
    coding = Coding(num_streams=values["num_streams"], plan=plan, enhance=values["enhance"])
    codec = load_codec(values, workers)
    header_for(codec, coding.num_streams, coding.plan)  # refuse here what no file can be coded with
    mix, metrics = values["channels"] == "mix", values["metrics"]
    return [
        CompressJob(source=source, results=results, codec=codec, coding=coding, mix=mix, metrics=metrics)
        for source in sources
    ]
