import threading
from pathlib import Path

import numpy as np

from codec.chunks.plan import ChunkPlan
from codec.errors import EscError
from codec.files.coding import Coding
from esc_tui.batch.inputs import Input
from esc_tui.batch.jobs import CompressJob, Results
from esc_tui.batch.runner import Batch, JobWatch
from esc_tui.batch.stats import JobState, Outcome
from tests.codec.staircase import StaircaseCodec
from tests.conftest import DEADLINE_S, WaitUntil
from tests.net.links import write_speech

FREE_CALLS = 15


class HeldCodec(StaircaseCodec):
    """A codec that stops within the second second of sound until it is let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.go_on = threading.Event()

    def encode(self, audio: np.ndarray, num_streams: int = 6) -> np.ndarray:
        self.calls += 1
        if self.calls > FREE_CALLS:
            assert self.go_on.wait(DEADLINE_S)
        return super().encode(audio, num_streams)


class BrokenJob:
    """A job that fails, as expected or not."""

    seconds = 1.0

    def __init__(self, error: Exception) -> None:
        self.name = "broken"
        self._error = error

    def run(self, watch: JobWatch) -> Outcome:  # noqa: ARG002 - a Job's signature
        raise self._error


def job(path: Path, save_path: Path, codec: StaircaseCodec) -> CompressJob:
    coding = Coding(plan=ChunkPlan(1600, 320))
    source, results = Input(path, stem=path.stem), Results(save_path=save_path)
    return CompressJob(source=source, codec=codec, coding=coding, results=results)  # type: ignore[arg-type]


def test_stopping_leaves_finished_files_and_no_half_ones(tmp_path: Path, wait_until: WaitUntil) -> None:
    """What was done stays, what was running leaves nothing, what was waiting is not begun."""
    sources = [write_speech(tmp_path / f"{name}.wav", 32000) for name in "abc"]
    held = HeldCodec()
    codecs = [StaircaseCodec(), held, StaircaseCodec()]
    batch = Batch([job(path, tmp_path / "out", codec) for path, codec in zip(sources, codecs, strict=True)], 1)
    batch.start()
    wait_until(lambda: held.calls > FREE_CALLS)
    assert len(list((tmp_path / "out").glob("*.part"))) == 2
    batch.request_stop()
    held.go_on.set()
    assert batch.stop(DEADLINE_S) == ()
    assert [stats.state for stats in batch.snapshots()] == [JobState.DONE, JobState.STOPPED, JobState.WAITING]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "decoded_9.0kbps_a.wav",
        "encoded_9.0kbps_a.esc",
    ]


def test_a_failing_job_stops_no_other(tmp_path: Path) -> None:
    """Errors that are expected and errors that are not are both told by name."""
    source = write_speech(tmp_path / "a.wav", 8000)
    jobs = [BrokenJob(EscError("no luck")), BrokenJob(ZeroDivisionError("oh")), job(source, tmp_path, StaircaseCodec())]
    batch = Batch(jobs, 2)
    batch.start()
    assert batch.wait(DEADLINE_S)
    batch.stop()
    stats = batch.snapshots()
    assert [one.state for one in stats] == [JobState.FAILED, JobState.FAILED, JobState.DONE]
    assert stats[0].error == "broken: no luck"
    assert "broken" in stats[1].error
    assert "ZeroDivisionError" in stats[1].error
    assert stats[2].audio_s == stats[2].total_s == 0.5
    assert stats[2].decoded.column_count > 0


def test_a_running_job_is_measured(tmp_path: Path, wait_until: WaitUntil) -> None:
    """While a file is coded, its progress, bitrate and spectrogram are there to be shown."""
    held = HeldCodec()
    batch = Batch([job(write_speech(tmp_path / "a.wav", 32000), tmp_path, held)], 1)
    batch.start()
    wait_until(lambda: held.calls > FREE_CALLS)
    (stats,) = batch.snapshots()
    held.go_on.set()
    assert batch.wait(DEADLINE_S)
    batch.stop()
    assert stats.state is JobState.RUNNING
    assert stats.total_s == 2.0
    assert 0 < stats.audio_s < 2.0
    assert stats.figures.payload_kbps > 0
    assert stats.original.column_count > 0


def test_a_batch_that_was_never_started_can_be_stopped() -> None:
    """Stopping needs no start before it."""
    assert Batch([BrokenJob(EscError("never run"))], 1).stop() == ()
