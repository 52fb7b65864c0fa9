"""Runs the jobs of `compress` and `decompress` in a few threads, and measures them."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

from codec.errors import EscError
from codec.evaluation.quality import QualityMeter
from codec.types import ChannelAudio
from esc_tui.batch.stats import JobState, JobStats, Outcome
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.telemetry.sound import SoundMeter

logger = logging.getLogger(__name__)


class BatchStopped(Exception):
    """Raised within a job that is stopped; what it has written so far is removed."""


class Job(Protocol):
    """One file's work."""

    @property
    def name(self) -> str:
        """The file's name."""
        ...

    @property
    def seconds(self) -> float | None:
        """The sound's length; None where it is not known beforehand."""
        ...

    def run(self, watch: "JobWatch") -> Outcome:
        """Do the work, and report the sound that passes to `watch`. Raises `EscError`."""
        ...


class JobWatch:
    """Measures one job as it runs, and stops it: a `codec.files.coding.Watch`, made in the job's thread."""

    def __init__(self, clock: Clock, stopping: threading.Event) -> None:
        self.thread_name = threading.current_thread().name
        self._sample_rate, self._passes = 16000, 1
        self._quality: QualityMeter | None = None
        self._clock, self._stopping = clock, stopping
        self._started_s = clock.monotonic_s()
        self._original_meter, self._decoded_meter = SoundMeter(self._sample_rate), SoundMeter(self._sample_rate)
        self._samples = self._payload_bytes = 0

    def begin(self, sample_rate: int, *, passes: int = 1, quality: QualityMeter | None = None) -> None:
        """Set the sound's rate, how often each sample is reported (2: coded and decoded), and what else measures it."""
        self._sample_rate, self._passes, self._quality = sample_rate, passes, quality

    def original(self, audio: ChannelAudio) -> None:
        """Count sound that was read. Raises `BatchStopped` where the batch is stopping."""
        self._check()
        self.skip(audio.shape[1])
        self._original_meter.push(audio.mean(axis=0))
        if self._quality:
            self._quality.original(audio)

    def decoded(self, audio: ChannelAudio) -> None:
        """Count sound that was decoded. Raises `BatchStopped` likewise."""
        self._check()
        self.skip(audio.shape[1])
        self._decoded_meter.push(audio.mean(axis=0))
        if self._quality:
            self._quality.decoded(audio)

    def stored(self, payload_bytes: int) -> None:
        """Count bytes of codes. Raises `BatchStopped` likewise."""
        self._payload_bytes += payload_bytes
        self._check()

    def skip(self, samples: int) -> None:
        """Count samples without metering them."""
        self._samples += samples

    def measure(self, stats: JobStats) -> JobStats:
        """Return `stats` with the job's figures as of now."""
        return replace(
            stats,
            audio_s=self._samples / self._passes / self._sample_rate,
            elapsed_s=self._clock.monotonic_s() - self._started_s,
            payload_bytes=self._payload_bytes,
            original=self._original_meter.stats(),
            decoded=self._decoded_meter.stats(),
        )

    def _check(self) -> None:
        if self._stopping.is_set():
            raise BatchStopped


class Batch:
    """Runs jobs in at most `workers` threads. One that fails does not stop the others."""

    def __init__(self, jobs: Sequence[Job], workers: int, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._jobs = list(jobs)
        self._clock = clock
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="compress")
        self._lock = threading.Lock()
        self._stats = [JobStats(job.name, total_s=job.seconds) for job in self._jobs]
        self._watches: dict[int, JobWatch] = {}
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._ended.set()
        self._unfinished = 0
        self._started_s = self._ended_s = clock.monotonic_s()

    def start(self) -> None:
        """Start the threads."""
        self._started_s = self._clock.monotonic_s()
        self._unfinished = len(self._jobs)
        self._ended.clear()
        for number in range(len(self._jobs)):
            self._executor.submit(self._run, number)

    def request_stop(self) -> None:
        """Ask all jobs to stop at their next block of sound; returns at once."""
        self._stopping.set()

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """Stop all jobs, removing half files; return the names of threads that outlived the deadline."""
        self.request_stop()
        self._executor.shutdown(wait=self.wait(timeout_s))
        with self._lock:
            return tuple(watch.thread_name for watch in self._watches.values())

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until no job is left or running; return whether that is so."""
        return self._ended.wait(timeout_s)

    @property
    def elapsed_s(self) -> float:
        """How long the batch has run."""
        now_s = self._ended_s if self._ended.is_set() else self._clock.monotonic_s()
        return now_s - self._started_s

    def snapshots(self) -> tuple[JobStats, ...]:
        """Return all jobs as of now, in their order."""
        with self._lock:
            stats, watches = list(self._stats), dict(self._watches)
        for number, watch in watches.items():
            stats[number] = watch.measure(stats[number])
        return tuple(stats)

    def _run(self, number: int) -> None:
        try:
            if not self._stopping.is_set():
                self._work(number)
        finally:
            with self._lock:
                self._unfinished -= 1
                is_last = not self._unfinished
            if is_last:
                self._ended_s = self._clock.monotonic_s()
                self._ended.set()

    def _work(self, number: int) -> None:
        job, watch = self._jobs[number], JobWatch(self._clock, self._stopping)
        with self._lock:
            self._stats[number] = replace(self._stats[number], state=JobState.RUNNING)
            self._watches[number] = watch
        try:
            outcome = job.run(watch)
            audio_s = outcome.coded.samples / outcome.coded.header.sample_rate
            self._end(number, watch, state=JobState.DONE, outcome=outcome, total_s=audio_s)
        except BatchStopped:
            self._end(number, watch, state=JobState.STOPPED)
        except EscError as error:
            message = str(error)
            is_named = job.name in message or repr(job.name) in message
            named = message if is_named else f"{job.name}: {message}"
            self._end(number, watch, state=JobState.FAILED, error=named)
        except Exception as error:
            logger.exception("%s failed", job.name)
            self._end(number, watch, state=JobState.FAILED, error=f"{job.name}: {error!r}")

    def _end(self, number: int, watch: JobWatch, **changes: Any) -> None:
        with self._lock:
            self._stats[number] = replace(watch.measure(self._stats[number]), **changes)
            del self._watches[number]
