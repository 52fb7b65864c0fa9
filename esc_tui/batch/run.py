"""Runs the jobs of a command, in the console or without it, with a model that serves all of them at once."""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from codec.atomic_file import check_folder
from codec.chunks.streaming import check_streamable
from codec.config import read_config
from esc_tui.batch.inputs import Input, Search
from esc_tui.batch.jobs import UnreadableFolder
from esc_tui.batch.output import JsonOutput, ProgressOutput
from esc_tui.batch.runner import Batch, Job
from esc_tui.errors import ExitCode, print_message
from esc_tui.options.command import Values
from esc_tui.options.files import available_cores, worker_count, worker_notes
from esc_tui.plain.loop import print_survivors, run_plain
from esc_tui.terminal import quiet_libraries

if TYPE_CHECKING:
    from codec import Codec

REFRESH_S = 0.1

MakeJobs = Callable[[Sequence[Input], int], Iterable[Job]]


def load_codec(values: Values, workers: int) -> "Codec":
    """Load the model that the options name for `workers` threads at once, each with its share of the cores.

    Raises `ModelError`, and `UsageError` for a device that is not there.
    """
    model_path, device = values["model_path"], values["device"]
    if model_path is not None:
        read_config(model_path)  # refuse a wrong folder before torch is imported
    import torch  # noqa: PLC0415 - importing torch takes seconds

    from codec import Codec  # noqa: PLC0415 - likewise

    threads = max(1, available_cores() // workers)
    torch.set_num_threads(threads)
    callers = workers if device.startswith("cpu") else None  # a GPU is faster with one call at a time
    codec = Codec.load(model_path, device=device, threads=threads, max_callers=callers)
    check_streamable(codec)
    return codec


def run_search(search: Search, values: Values, make_jobs: MakeJobs, *, console_title: str = "") -> ExitCode:
    """Search for files, run their jobs as the options say, and return the exit code.

    `make_jobs` gets the files and how many are worked on at once. What was left out, and what came too late, is
    printed. Raises `UsageError` where nothing is found, `AudioFileError` where nothing can be saved.
    """
    found = search.find()
    if not (values.get("no_codes") and values.get("no_audio")):  # measuring alone writes nothing
        check_folder(values["save_path"])
    workers = worker_count(values["jobs"], len(found.inputs))
    for note in (*search.notes(found), *worker_notes(values["jobs"], workers)):
        print_message(note)
    jobs = [*make_jobs(found.inputs, workers), *map(UnreadableFolder, found.errors)]
    code = run_jobs(jobs, workers, json=values["json"], console_title=console_title)
    for note in search.late_notes(found) if code is not ExitCode.INTERRUPTED else ():
        print_message(note)
    return code


def run_jobs(jobs: Sequence[Job], workers: int, *, json: bool, console_title: str = "") -> ExitCode:
    """Run jobs and return the exit code; a title asks for the console, where there is a terminal and no `json`."""
    with quiet_libraries():  # it looks for the length of each file
        batch = Batch(jobs, workers)
    if console_title and not json and sys.stdin.isatty() and sys.stdout.isatty():
        return run_in_console(batch, console_title)
    output = JsonOutput(batch) if json else ProgressOutput(batch)
    return run_plain([batch], output, REFRESH_S, signals_to_end=1)


def run_in_console(batch: Batch, title: str) -> ExitCode:
    """Run a batch in the console until the person quits; then print the table, and return the exit code."""
    from esc_tui.batch.app import CompressApp  # noqa: PLC0415 - importing Textual takes time

    with quiet_libraries():
        try:
            CompressApp(batch, title).run()
        finally:
            survivors = batch.stop()
    with closing(ProgressOutput(batch)) as output:
        output.show()
    are_unfinished = any(not stats.has_ended for stats in batch.snapshots())
    code = ExitCode.INTERRUPTED if are_unfinished else output.exit_code()
    output.finish(code)
    print_survivors(survivors)
    return code
