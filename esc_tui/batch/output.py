"""Runs a batch without the console: bars on standard error and a table, or JSON lines."""

import sys
from collections.abc import Sequence
from math import isnan
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from esc_tui.batch.report import duration_text, job_record, notes, result_table
from esc_tui.batch.runner import Batch, JobState, JobStats
from esc_tui.errors import ExitCode
from esc_tui.markup import shown
from esc_tui.plain.headless import STOP_DEADLINE_S, interrupts
from net.runtime.clock import SYSTEM_CLOCK

REFRESH_S = 0.1
ENDED = (JobState.DONE, JobState.FAILED)


class BatchOutput(Protocol):
    """Where a batch shows itself."""

    def show(self, jobs: Sequence[JobStats], elapsed_s: float) -> None:
        """Take the jobs as of now."""
        ...

    def finish(self, jobs: Sequence[JobStats], elapsed_s: float, code: ExitCode) -> None:
        """Take the jobs as they ended."""
        ...


def run_batch(batch: Batch, *, json: bool = False) -> ExitCode:
    """Run a batch to its end or to Ctrl-C, show it, and return the exit code."""
    output: BatchOutput = JsonLines() if json else ProgressBars()
    with interrupts() as interrupted:
        try:
            batch.start()
            while not batch.ended.is_set() and not interrupted.count:
                SYSTEM_CLOCK.wait(batch.ended if not interrupted.count else interrupted.changed, REFRESH_S)
                output.show(batch.snapshots(), batch.elapsed_s)
        finally:
            survivors = batch.stop(STOP_DEADLINE_S)
    jobs = batch.snapshots()
    code = ExitCode.INTERRUPTED if interrupted.count else batch_exit_code(jobs)
    output.finish(jobs, batch.elapsed_s, code)
    _tell_survivors(survivors)
    return code


def run_batch_console(batch: Batch, title: str) -> ExitCode:
    """Run a batch in the console until a person quits; then print the table, and return the exit code."""
    from esc_tui.batch.app import CompressApp  # noqa: PLC0415 - importing Textual takes time

    try:
        CompressApp(batch, title).run()
    finally:
        survivors = batch.stop(STOP_DEADLINE_S)
    jobs = batch.snapshots()
    unfinished = any(stats.state in (JobState.STOPPED, JobState.WAITING) for stats in jobs)
    code = ExitCode.INTERRUPTED if unfinished else batch_exit_code(jobs)
    ProgressBars().finish(jobs, batch.elapsed_s, code)
    _tell_survivors(survivors)
    return code


def _tell_survivors(survivors: Sequence[str]) -> None:
    for name in survivors:
        print(f"esc-tui: thread {name} did not end in {STOP_DEADLINE_S:g} s", file=sys.stderr)


def batch_exit_code(jobs: Sequence[JobStats]) -> ExitCode:
    """Whether all files are done."""
    return ExitCode.DONE if all(stats.state is JobState.DONE for stats in jobs) else ExitCode.PARTLY_FAILED


class JsonLines:
    """One JSON object a line on standard output: each file as it ends, and a report."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def show(self, jobs: Sequence[JobStats], elapsed_s: float) -> None:  # noqa: ARG002 - a BatchOutput's signature
        """Print the files that have ended since."""
        for number, stats in enumerate(jobs):
            if stats.state in ENDED and number not in self._told:
                self._told.add(number)
                self._print("file", job_record(stats))

    def finish(self, jobs: Sequence[JobStats], elapsed_s: float, code: ExitCode) -> None:
        """Print the report."""
        self.show(jobs, elapsed_s)
        states = {str(state): sum(stats.state is state for stats in jobs) for state in JobState}
        errors = [stats.error for stats in jobs if stats.error]
        self._print("report", {"exit_code": code, "elapsed_s": elapsed_s, "files": states, "errors": errors})

    def _print(self, kind: str, record: dict[str, Any]) -> None:
        sys.stdout.buffer.write(msgspec.json.encode({"type": kind, **record}) + b"\n")
        sys.stdout.buffer.flush()


class ProgressBars:
    """A bar for all files and one for each that runs, on standard error; the table goes to standard output."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[audio]:>14}"),
            TextColumn("RTF {task.fields[rtf]:>6}"),
            TextColumn("{task.fields[kbps]:>10}"),
            TextColumn("ETA {task.fields[eta]:>8}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._bars: dict[int, TaskID] = {}
        self._all: TaskID | None = None
        self._told: set[int] = set()
        self._progress.start()

    def show(self, jobs: Sequence[JobStats], elapsed_s: float) -> None:
        """Bring the bars up to date, and name what has failed."""
        for number, stats in enumerate(jobs):
            if stats.state is JobState.RUNNING:
                self._update(number, stats)
            elif number in self._bars:
                self._progress.remove_task(self._bars.pop(number))
            if stats.state in ENDED and number not in self._told:
                self._told.add(number)
                self._tell(stats)
        if len(jobs) > 1:
            self._update_all(jobs, elapsed_s)

    def finish(self, jobs: Sequence[JobStats], elapsed_s: float, code: ExitCode) -> None:
        """Print the table, where the files are, and what went wrong."""
        self.show(jobs, elapsed_s)
        self._progress.stop()
        out = Console(highlight=False, soft_wrap=True)
        if any(stats.state is JobState.DONE for stats in jobs):
            out.print(result_table(jobs, elapsed_s))
            for stats in jobs:
                for path in stats.outcome.files if stats.outcome else ():
                    out.print(f"saved {shown(path)}")
        failed = [stats for stats in jobs if stats.state is JobState.FAILED]
        for stats in failed:
            print(f"esc-tui: {stats.error}", file=sys.stderr)
        unfinished = len(jobs) - len(failed) - sum(stats.state is JobState.DONE for stats in jobs)
        if len(jobs) > 1 and code is not ExitCode.DONE:
            counts = ((len(failed), "failed"), (unfinished, "stopped"))
            told = " and ".join(f"{count} {what}" for count, what in counts if count)
            print(f"esc-tui: of {len(jobs)} files {told}", file=sys.stderr)

    def _tell(self, stats: JobStats) -> None:
        for note in notes(stats):
            self._console.print(shown(note), style="yellow", soft_wrap=True)

    def _update(self, number: int, stats: JobStats) -> None:
        if number not in self._bars:
            self._bars[number] = self._progress.add_task(shown(stats.name), audio="", rtf="", kbps="", eta="")
        self._progress.update(
            self._bars[number],
            total=stats.total_s,
            completed=stats.audio_s,
            audio=duration_text(stats.audio_s),
            **_figures(stats.audio_s, stats.total_s, stats.elapsed_s, stats.kbps),
        )

    def _update_all(self, jobs: Sequence[JobStats], elapsed_s: float) -> None:
        if self._all is None:
            self._all = self._progress.add_task("", audio="", rtf="", kbps="", eta="")
        audio_s = sum(stats.audio_s for stats in jobs)
        total_s = sum(stats.total_s or 0 for stats in jobs if stats.state is not JobState.FAILED)
        ended = sum(stats.state in ENDED for stats in jobs)
        payload_bits = sum(stats.payload_bytes for stats in jobs) * 8
        self._progress.update(
            self._all,
            description=f"{ended} of {len(jobs)} files",
            total=total_s,
            completed=audio_s,
            audio=duration_text(audio_s),
            **_figures(audio_s, total_s, elapsed_s, payload_bits / audio_s / 1000 if audio_s else float("nan")),
        )


def _figures(audio_s: float, total_s: float | None, elapsed_s: float, bitrate: float) -> dict[str, Any]:
    rtf = elapsed_s / audio_s if audio_s else float("nan")
    eta_s = float("nan") if total_s is None else max(0.0, total_s - audio_s) * rtf
    return {
        "rtf": "" if isnan(rtf) else f"{rtf:.3f}",
        "kbps": "" if isnan(bitrate) else f"{bitrate:.2f} kbps",
        "eta": "" if isnan(eta_s) else duration_text(round(eta_s)),
    }
