"""Files worked through by a few threads: what `compress` and `decompress` run, with or without a console."""

import enum
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from codec.errors import EscError
from codec.evaluation.quality import Quality
from codec.files.coding import Coded
from codec.types import ChannelAudio
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.telemetry.sound import SoundMeter
from net.telemetry.stats import SoundStats

logger = logging.getLogger(__name__)


class JobState(enum.StrEnum):
    """Where a file stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class BatchStopped(Exception):
    """Raised within a job that was stopped; its half files are removed on the way out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job made: the codes' figures, the files, and their quality where that was measured."""

    coded: Coded
    files: tuple[str, ...]
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class JobStats:
    """One file as of now. `total_s` is None while its length is not known, `error` says why it failed."""

    name: str
    state: JobState = JobState.WAITING
    total_s: float | None = None
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    payload_bytes: int = 0
    outcome: Outcome | None = None
    error: str = ""
    original: SoundStats = field(default_factory=SoundStats)
    decoded: SoundStats = field(default_factory=SoundStats)

    @property
    def rtf(self) -> float:
        """Real-time factor: processing time ÷ audio time."""
        return self.elapsed_s / self.audio_s if self.audio_s else float("nan")

    @property
    def kbps(self) -> float:
        """The codes' bitrate as of now, without what stands around them in the file."""
        return self.payload_bytes * 8 / self.audio_s / 1000 if self.audio_s else float("nan")


class Job(Protocol):
    """One file's work."""

    name: str

    @property
    def seconds(self) -> float | None:
        """The sound's length, as far as it can be told beforehand."""
        ...

    def run(self, watch: "JobWatch") -> Outcome:
        """Do the work, telling `watch` of the sound that passes. Raises `EscError`."""
        ...


class JobWatch:
    """Measures one job as it runs, and stops it: a `codec.file_coding.Watch`."""

    def __init__(self, clock: Clock, stopping: threading.Event) -> None:
        self.sample_rate = 16000
        self.decodes = False
        """Whether sound is both coded and decoded: then each is half of the work."""
        self._clock, self._stopping = clock, stopping
        self._started_s = clock.monotonic_s()
        self._originals = SoundMeter(self.sample_rate)
        self._decodeds = SoundMeter(self.sample_rate)
        self._original_samples = self._decoded_samples = self._payload_bytes = 0

    def original(self, audio: ChannelAudio) -> None:
        """Take sound that was read. Raises `BatchStopped` where the batch is stopping."""
        self._check()
        self._original_samples += audio.shape[1]
        self._originals.push(audio.mean(axis=0))

    def decoded(self, audio: ChannelAudio) -> None:
        """Take sound that the codec gave back. Raises `BatchStopped` likewise."""
        self._check()
        self._decoded_samples += audio.shape[1]
        self._decodeds.push(audio.mean(axis=0))

    def stored(self, payload_bytes: int) -> None:
        """Take that so many bytes of codes were made."""
        self._payload_bytes += payload_bytes
        self._check()

    def passed(self, samples: int) -> None:
        """Take that so many samples were dealt with unheard."""
        self._original_samples += samples

    def measure(self, stats: JobStats) -> JobStats:
        """The job's figures as of now."""
        done = (self._original_samples, self._decoded_samples)
        samples = sum(done) / 2 if self.decodes else max(done)
        return replace(
            stats,
            audio_s=samples / self.sample_rate,
            elapsed_s=self._clock.monotonic_s() - self._started_s,
            payload_bytes=self._payload_bytes,
            original=self._originals.stats(),
            decoded=self._decodeds.stats(),
        )

    def _check(self) -> None:
        if self._stopping.is_set():
            raise BatchStopped


class Batch:
    """Runs jobs in `workers` named threads. One that fails does not stop the others."""

    def __init__(self, jobs: Sequence[Job], workers: int, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._jobs = list(jobs)
        self._clock = clock
        self._stopping = threading.Event()
        self.ended = threading.Event()
        """Set when no job is left or running."""
        self._lock = threading.Lock()
        self._next = 0
        self._stats = [JobStats(job.name, total_s=job.seconds) for job in self._jobs]
        self._watches: dict[int, JobWatch] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"compress-{number + 1}")
            for number in range(max(1, min(workers, len(self._jobs))))
        ]
        self._working = len(self._threads)
        self._started_s = self._ended_s = clock.monotonic_s()

    def start(self) -> None:
        """Begin."""
        self._started_s = self._clock.monotonic_s()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """Stop what runs, removing its half files; return the names of threads that outlived the deadline."""
        self._stopping.set()
        deadline_s = self._clock.monotonic_s() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        return tuple(thread.name for thread in self._threads if thread.is_alive())

    def request_stop(self) -> None:
        """Ask all jobs to stop at their next block of sound; returns at once."""
        self._stopping.set()

    @property
    def elapsed_s(self) -> float:
        """How long the batch has run."""
        now_s = self._ended_s if self.ended.is_set() else self._clock.monotonic_s()
        return now_s - self._started_s

    def snapshots(self) -> tuple[JobStats, ...]:
        """All jobs as of now, in their order."""
        with self._lock:
            stats, watches = list(self._stats), dict(self._watches)
        for number, watch in watches.items():
            stats[number] = watch.measure(stats[number])
        return tuple(stats)

    def _work(self) -> None:
        try:
            while (number := self._take()) is not None:
                self._run(number)
        finally:
            with self._lock:
                self._working -= 1
                last = not self._working
            if last:
                self._ended_s = self._clock.monotonic_s()
                self.ended.set()

    def _take(self) -> int | None:
        with self._lock:
            if self._next >= len(self._jobs) or self._stopping.is_set():
                return None
            self._next += 1
            return self._next - 1

    def _run(self, number: int) -> None:
        job, watch = self._jobs[number], JobWatch(self._clock, self._stopping)
        with self._lock:
            self._stats[number] = replace(self._stats[number], state=JobState.RUNNING)
            self._watches[number] = watch
        try:
            self._end(number, watch, state=JobState.DONE, outcome=job.run(watch))
        except BatchStopped:
            self._end(number, watch, state=JobState.STOPPED)
        except EscError as error:
            self._end(number, watch, state=JobState.FAILED, error=_naming(job.name, error))
        except Exception as error:
            logger.exception("%s failed", job.name)
            self._end(number, watch, state=JobState.FAILED, error=f"{job.name}: {error!r}")

    def _end(self, number: int, watch: JobWatch, **changes: Any) -> None:
        with self._lock:
            self._stats[number] = replace(watch.measure(self._stats[number]), **changes)
            del self._watches[number]


def _naming(name: str, error: EscError) -> str:
    """The error's words, which name the file: one of many has failed."""
    told = str(error)
    return told if name in told else f"{name}: {told}"
