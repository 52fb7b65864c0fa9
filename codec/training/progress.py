"""What a training run shows and writes down while it runs."""

import io
import json
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from codec.training.trainer import StepReport

LOG_FILE = "log.jsonl"
SHOWN = ("mel", "snr_db", "loudness")


class RunLog:
    """A progress display on standard error, and one JSON object a line, each the mean over `log_steps`, in a file.

    Neither is there unless `shown`: of several workers, one shows what all do.
    """

    def __init__(self, path: Path, log_steps: int, *, shown: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8") if shown else io.StringIO()
        self._log_steps = log_steps
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("[bold]step {task.fields[step]}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True, quiet=not shown), refresh_per_second=2)
        self._task = self._progress.add_task("training", total=None, step=0, losses="")
        self._values: dict[str, list[float]] = defaultdict(list)
        self._skipped = 0
        self._since_s = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._file.close()

    def say(self, text: str) -> None:
        """Print a line above the progress display."""
        self._progress.console.print(text, highlight=False)

    def add(self, report: StepReport, rate_factor: float, used: float) -> None:
        """Take in a step; `used` is the share of the run that is done, 0 where it has no end."""
        self._skipped += report.skipped
        if not report.skipped:
            for name, value in (report.losses | {"gradient_norm": report.gradient_norm}).items():
                self._values[name].append(value)
        self._progress.update(self._task, total=1 if used else None, completed=used, step=report.step)
        if report.book_use is not None:
            self._write_book_use(report)
        if report.step % self._log_steps == 0:
            self._write_means(report.step, rate_factor)

    def _write_means(self, step: int, rate_factor: float) -> None:
        means = {name: round(float(np.mean(values)), 5) for name, values in self._values.items()}
        now_s = time.monotonic()
        seconds = round((now_s - self._since_s) / self._log_steps, 4)
        self._write({"step": step, "rate_factor": round(rate_factor, 4), "seconds_per_step": seconds, **means})
        if self._skipped:
            self.say(f"step {step}: {self._skipped} steps skipped, their gradients were not finite")
        losses = "  ".join(f"{name} {means[name]:.3f}" for name in SHOWN if name in means)
        self._progress.update(self._task, losses=f"{losses}  {seconds:.2f} s/step")
        self._values.clear()
        self._skipped, self._since_s = 0, now_s

    def _write_book_use(self, report: StepReport) -> None:
        assert report.book_use is not None
        shares = [use.share for use in report.book_use]
        perplexities = [round(use.perplexity, 1) for use in report.book_use]
        self._write({"step": report.step, "codewords_alive": round(min(shares), 4), "perplexities": perplexities})

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
