"""What is known of the files of a batch, one by one and added up."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from codec.evaluation.quality import Quality
from codec.files.coding import Coded
from net.telemetry.stats import SoundStats

PCM_BYTES = 2
"""What a sample takes as 16-bit PCM, which the compression ratio compares with."""


class JobState(enum.StrEnum):
    """The state of one file's job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a job: the codes' figures, the paths written, and the quality where it was measured."""

    coded: Coded
    files: tuple[str, ...]
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Lengths and sizes of one file, or of several added up; what divides by an unknown is nan."""

    audio_s: float
    elapsed_s: float
    payload_bytes: int
    file_bytes: int
    """The size of the `.esc` file, 0 until it is done."""
    pcm_bytes: int
    """The size of the same sound as 16-bit PCM at the model's rate, 0 until it is done."""

    @property
    def rtf(self) -> float:
        """Real-time factor: processing time ÷ audio time."""
        return _quotient(self.elapsed_s, self.audio_s)

    @property
    def payload_kbps(self) -> float:
        """The codes' bitrate, without headers."""
        return _quotient(self.payload_bytes * 8 / 1000, self.audio_s)

    @property
    def file_kbps(self) -> float:
        """The bitrate of the whole `.esc` file."""
        return _quotient(self.file_bytes * 8 / 1000, self.audio_s)

    @property
    def ratio(self) -> float:
        """The compression ratio against PCM."""
        return _quotient(self.pcm_bytes, self.file_bytes)


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
    def has_ended(self) -> bool:
        """Whether the file is done or has failed."""
        return self.state in (JobState.DONE, JobState.FAILED)

    @property
    def is_whole(self) -> bool:
        """Whether the file is done, with all of its sound."""
        return self.state is JobState.DONE and not (self.outcome and self.outcome.coded.missing)

    @property
    def figures(self) -> Figures:
        """The file's lengths and sizes."""
        coded = self.outcome.coded if self.outcome else None
        pcm_bytes = coded.samples * coded.header.channels * PCM_BYTES if coded else 0
        file_bytes = coded.file_bytes if coded else 0
        return Figures(self.audio_s, self.elapsed_s, self.payload_bytes, file_bytes, pcm_bytes)


@dataclass(frozen=True, slots=True)
class Totals:
    """All files together; `total_s` is the length of those that have not failed."""

    figures: Figures
    files: int
    ended: int
    failed: int
    total_s: float

    @property
    def left_s(self) -> float:
        """The estimated time until the end, nan while nothing is known of the speed."""
        return max(0.0, self.total_s - self.figures.audio_s) * self.figures.rtf


def totals(jobs: Sequence[JobStats], elapsed_s: float) -> Totals:
    """Add up files that took `elapsed_s` together."""
    each = [stats.figures for stats in jobs]
    figures = Figures(
        audio_s=sum(figures.audio_s for figures in each),
        elapsed_s=elapsed_s,
        payload_bytes=sum(figures.payload_bytes for figures in each),
        file_bytes=sum(figures.file_bytes for figures in each),
        pcm_bytes=sum(figures.pcm_bytes for figures in each),
    )
    return Totals(
        figures=figures,
        files=len(jobs),
        ended=sum(stats.has_ended for stats in jobs),
        failed=sum(stats.state is JobState.FAILED for stats in jobs),
        total_s=sum(max(stats.total_s or 0.0, stats.audio_s) for stats in jobs if stats.state is not JobState.FAILED),
    )


def _quotient(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor else float("nan")
