"""Shows a batch without the console: bars on standard error and a table, or JSON lines."""

from collections.abc import Iterator
from math import isnan

from esc_tui.batch.report import duration_text, job_record, notes, result_table
from esc_tui.batch.runner import Batch
from esc_tui.batch.stats import JobState, JobStats, Totals, totals
from esc_tui.errors import ExitCode, print_message
from esc_tui.markup import shown
from esc_tui.plain.loop import Output
from esc_tui.plain.output import ProgressLines, print_json, results_console


class BatchOutput(Output):
    """What both outputs read of the batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._reported: set[int] = set()

    def exit_code(self) -> ExitCode:
        """Return success where all files are done, and of none a part is missing."""
        all_done = all(stats.is_whole for stats in self._batch.snapshots())
        return ExitCode.DONE if all_done else ExitCode.PARTLY_FAILED

    def newly_ended(self, jobs: tuple[JobStats, ...]) -> Iterator[JobStats]:
        """Yield the files that have ended since the last call."""
        for number, stats in enumerate(jobs):
            if stats.has_ended and number not in self._reported:
                self._reported.add(number)
                yield stats


class JsonOutput(BatchOutput):
    """One JSON object a line on standard output: each file as it ends, and a report."""

    def show(self) -> None:
        """Print the files that have ended since."""
        for stats in self.newly_ended(self._batch.snapshots()):
            print_json({"type": "file", **job_record(stats)})

    def finish(self, code: ExitCode) -> None:
        """Print the report."""
        jobs = self._batch.snapshots()
        print_json(
            {
                "type": "report",
                "exit_code": code,
                "elapsed_s": self._batch.elapsed_s,
                "files": {str(state): sum(stats.state is state for stats in jobs) for state in JobState},
                "errors": [stats.error for stats in jobs if stats.error],
            }
        )


class ProgressOutput(BatchOutput):
    """A bar for each running file and one for all on standard error; the table goes to standard output."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self._lines = ProgressLines(
            "{task.fields[audio]:>14}",
            "RTF {task.fields[rtf]:>6}",
            "{task.fields[kbps]:>10}",
            "ETA {task.fields[eta]:>8}",
        )

    def close(self) -> None:
        """Leave the bars as they are."""
        self._lines.close()

    def show(self) -> None:
        """Update the bars, and print the warnings of files that have ended since."""
        jobs, elapsed_s = self._batch.snapshots(), self._batch.elapsed_s
        for number, stats in enumerate(jobs):
            if stats.state is JobState.RUNNING:
                self._update(number, stats.name, stats.total_s, totals([stats], stats.elapsed_s))
            else:
                self._lines.remove(number)
        for stats in self.newly_ended(jobs):
            for note in notes(stats):
                self._lines.note(note, "yellow")
        if len(jobs) > 1:
            total = totals(jobs, elapsed_s)
            self._update("all", f"{total.ended} of {total.files} files", total.total_s, total)

    def finish(self, code: ExitCode) -> None:
        """Print the table, where the files are, and what failed."""
        jobs, console = self._batch.snapshots(), results_console()
        if any(stats.state is JobState.DONE for stats in jobs):
            console.print(result_table(jobs, self._batch.elapsed_s))
            for stats in jobs:
                for path in stats.outcome.files if stats.outcome else ():
                    console.print(f"saved {shown(path)}")
        for stats in jobs:
            if stats.state is JobState.FAILED:
                print_message(stats.error)
        if len(jobs) > 1 and code is not ExitCode.DONE:
            total = totals(jobs, self._batch.elapsed_s)
            parts = sum(stats.state is JobState.DONE and not stats.is_whole for stats in jobs)
            counts = ((total.failed, "failed"), (parts, "incomplete"), (total.files - total.ended, "stopped"))
            print_message(
                f"of {total.files} files {' and '.join(f'{count} {what}' for count, what in counts if count)}"
            )

    def _update(self, key: int | str, name: str, length_s: float | None, total: Totals) -> None:
        figures = total.figures
        self._lines.update(
            key,
            name,
            length_s,
            figures.audio_s,
            audio=duration_text(figures.audio_s),
            rtf="" if isnan(figures.rtf) else f"{figures.rtf:.3f}",
            kbps="" if isnan(figures.payload_kbps) else f"{figures.payload_kbps:.2f} kbps",
            eta="" if length_s is None or isnan(total.left_s) else duration_text(round(total.left_s)),
        )
