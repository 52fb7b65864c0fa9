"""A batch without the console: what Ctrl-C does to it."""

import json
import os
import signal
import threading
from collections.abc import Callable

import pytest

from esc_tui.batch.run import run_jobs
from esc_tui.batch.runner import JobWatch
from esc_tui.batch.stats import Outcome
from esc_tui.errors import ExitCode
from tests.conftest import DEADLINE_S


class EndlessJob:
    """A job that presses Ctrl-C, and then works in blocks until it is stopped, or `is_over`."""

    name = "endless.wav"
    seconds = 10.0

    def __init__(self, is_over: Callable[[], bool] = lambda: False, *, heeds_stop: bool = True) -> None:
        self._is_over, self._heeds_stop = is_over, heeds_stop

    def run(self, watch: JobWatch) -> Outcome:
        os.kill(os.getpid(), signal.SIGINT)
        while not self._is_over():
            if self._heeds_stop:
                watch.stored(1)
        raise AssertionError


def test_ctrl_c_stops_the_batch_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """The running file is stopped, the next one is not begun, and the report still comes."""
    assert run_jobs([EndlessJob(), EndlessJob()], 1, json=True) == ExitCode.INTERRUPTED
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["exit_code"] == ExitCode.INTERRUPTED
    assert (report["files"]["stopped"], report["files"]["waiting"]) == (1, 1)


def test_a_thread_that_does_not_stop_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the deadline the command ends all the same, and says which thread it leaves behind."""
    monkeypatch.setattr("esc_tui.plain.loop.STOP_DEADLINE_S", 0.05)
    released = threading.Event()
    job = EndlessJob(lambda: released.wait(DEADLINE_S), heeds_stop=False)
    assert run_jobs([job], 1, json=False) == ExitCode.INTERRUPTED
    released.set()
    assert "thread compress_0 did not end in 0.05 s" in capsys.readouterr().err
