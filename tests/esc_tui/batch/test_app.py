import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from codec.chunks.plan import ChunkPlan
from codec.errors import EscError
from codec.files.coding import Coding
from esc_tui.batch.app import BatchTotals, CompressApp, JobList
from esc_tui.batch.inputs import Input
from esc_tui.batch.job_lines import job_lines
from esc_tui.batch.jobs import CompressJob, Results
from esc_tui.batch.runner import Batch, JobWatch
from esc_tui.batch.stats import JobState, JobStats, Outcome
from esc_tui.console.drawing.palette import PLAIN
from esc_tui.console.widgets.spectrogram import Spectrogram
from tests.codec.staircase import StaircaseCodec
from tests.esc_tui.console.waiting import until
from tests.net.links import write_speech


class BrokenJob:
    name = "broken.wav"
    seconds = None

    def run(self, watch: JobWatch) -> Outcome:  # noqa: ARG002 - a Job's signature
        raise EscError("broken.wav is no sound")


class HeldJob:
    """A job that runs until it is let go."""

    name = "held.wav"
    seconds = 10.0

    def __init__(self, go_on: Callable[[], object]) -> None:
        self._go_on = go_on

    def run(self, watch: JobWatch) -> Outcome:
        while True:
            watch.stored(1)
            self._go_on()


def jobs(folder: Path, names: str) -> list[CompressJob]:
    coding, results = Coding(plan=ChunkPlan(1600, 320)), Results(save_path=folder / "out")
    return [
        CompressJob(source=Input(path, stem=path.stem), codec=StaircaseCodec(), coding=coding, results=results)  # type: ignore[arg-type]
        for path in (write_speech(folder / f"{name}.wav", 32000) for name in names)
    ]


def shown(pilot: Pilot[None]) -> list[str]:
    return [line.text.rstrip() for line in pilot.app.query_one(JobList)._lines]


async def test_the_queue_is_worked_through_and_shown(tmp_path: Path) -> None:
    """Every file has a line with its figures, a failed one its reason, and the totals count both."""
    batch = Batch([*jobs(tmp_path, "ab"), BrokenJob()], 1)
    app = CompressApp(batch, "compress")
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: batch.wait(0) and len(app.jobs) == 3 and app.jobs[2].state is JobState.FAILED)
        await until(pilot, lambda: "✗" in "".join(shown(pilot)))
        lines = shown(pilot)
        assert "kbps" in lines[0]
        assert "✓" in lines[1]
        assert "0:02" in lines[1]
        assert "✗" in lines[3]
        assert "broken.wav is no sound" in lines[3]
        assert "3 of 3 files  1 failed" in app.query_one(BatchTotals)._lines[0].text
        await pilot.press("q")
    assert batch.stop() == ()
    assert len(list((tmp_path / "out").iterdir())) == 4


async def test_the_chosen_file_is_seen_before_and_after(tmp_path: Path) -> None:
    """The spectrograms are those of the chosen file, and the keys choose another."""
    batch = Batch(jobs(tmp_path, "abc"), 1)
    app = CompressApp(batch, "compress")
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: batch.wait(0) and bool(app.jobs) and app.jobs[2].state is JobState.DONE)
        await pilot.press("up", "up", "up", "down")
        assert app.chosen == 1
        for name in ("before", "after"):
            stats = app.query_one(f".{name}", Spectrogram).stats
            assert stats is not None
            assert stats.source.endswith("b.wav")
            assert stats.sound.column_count > 0
        await pilot.click(JobList, offset=(5, 3))
        await until(pilot, lambda: app.chosen == 2)
        await pilot.press("q")
    assert batch.stop() == ()


def test_no_name_reaches_the_terminal_as_it_is() -> None:
    """Bytes that are not UTF-8, and escape sequences, are shown as U+FFFD, in the line of a file that failed, too."""
    jobs = [JobStats("a/latin\udce4.wav"), JobStats("a/\x1b[2J.wav", state=JobState.FAILED, error="\udce4 is no sound")]
    lines = [line.text for line in job_lines(jobs, 0, 120, 10, PLAIN)]
    assert "latin\N{REPLACEMENT CHARACTER}.wav" in lines[1]
    assert "\N{REPLACEMENT CHARACTER}[2J.wav  \N{REPLACEMENT CHARACTER} is no sound" in lines[2]
    assert all(line.isprintable() for line in lines)


async def test_quitting_stops_what_runs() -> None:
    """`q` ends the running file's work and leaves when it has ended."""
    running = threading.Event()
    batch = Batch([HeldJob(running.set), HeldJob(running.set)], 1)
    app = CompressApp(batch, "compress")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, running.is_set)
        await until(pilot, lambda: "▶" in "".join(shown(pilot)))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert batch.stop() == ()
    assert [stats.state for stats in batch.snapshots()] == [JobState.STOPPED, JobState.WAITING]


async def test_sigterm_stops_the_batch_and_leaves() -> None:
    """What runs is stopped, and the terminal is given back."""
    batch = Batch([HeldJob(lambda: None)], 1)
    app = CompressApp(batch, "compress")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(app.jobs) == 1 and app.jobs[0].state is JobState.RUNNING)
        os.kill(os.getpid(), signal.SIGTERM)
        await until(pilot, lambda: not app.is_running)
    assert batch.stop() == ()
