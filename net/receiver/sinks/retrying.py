"""A sink that survives its disk: full, read-only, or with its folder gone."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from codec.chunks.packed import PackedChunk
from codec.chunks.streaming import Contribution
from codec.errors import AudioFileError, ContainerError
from net.protocol.messages import End
from net.runtime.clock import Clock

KEPT_S = 60.0
"""How much is kept in memory while the disk fails, and for how long."""
RETRY_S = 1.0


class Part(Protocol):
    """What a sink takes: a chunk's codes, its sound, or a position in the stream."""

    @property
    def index(self) -> int:
        """The chunk that it belongs to."""
        ...


PartT = TypeVar("PartT", bound=Part)


class Sink(ABC, Generic[PartT]):
    """A file that takes a stream's codes, sound or positions, part by part, in order.

    Raises `AudioFileError` or `ContainerError` where it cannot be written; then the same write can be tried again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def write(self, part: PartT) -> None:
        """Append the next part."""

    def write_gap(self, index: int, samples: int) -> None:
        """Append what stands for a part of this index and length that was given up."""

    @abstractmethod
    def close(self, end: End | None) -> None:
        """Finish the file; `end` is the sender's END if it came and everything before it was written."""


@dataclass(slots=True)
class _Gap:
    """Neighbouring parts of one length that were given up, counted: a disk may fail for days."""

    first: int
    count: int
    samples: int

    def extend(self, index: int, samples: int) -> bool:
        """Add a part if it follows and is as long as those before; return whether it was added."""
        follows = index == self.first + self.count and samples == self.samples
        self.count += follows
        return follows


class RetryingSink(Generic[PartT]):
    """Writes to another sink; while that fails, keeps the parts in memory and tries again, at most once a second.

    A part that has waited for longer than `KEPT_S`, of time or of newer sound, is given up: a gap of its length takes
    its place. No fault of the disk is raised: `report` gets a text for each change, and whether something was lost for
    good; `missing_samples` counts what was given up.
    """

    def __init__(
        self, sink: Sink[PartT], first_index: int, sample_rate: int, clock: Clock, report: Callable[[str, bool], None]
    ) -> None:
        self._sink, self._rate, self._clock, self._report = sink, sample_rate, clock, report
        self._waiting: deque[tuple[float, PartT]] = deque()
        self._gaps: deque[_Gap] = deque()
        self._kept_samples = 0
        self._failed_s: float | None = None
        self.missing_samples = 0
        self.next_index = first_index
        """The index after that of the last part that came."""

    @property
    def path(self) -> Path:
        """Where the parts go."""
        return self._sink.path

    @property
    def is_behind(self) -> bool:
        """Whether parts, or gaps in their place, wait for the disk."""
        return bool(self._waiting or self._gaps)

    @property
    def waiting_index(self) -> int | None:
        """The index of the first part that waits; None where all are written or given up."""
        return self._waiting[0][1].index if self._waiting else None

    def write(self, part: PartT) -> None:
        """Write the part, or keep it until the disk takes it."""
        self._waiting.append((self._clock.monotonic_s(), part))
        self._kept_samples += _samples(part)
        self.next_index = max(self.next_index, part.index + 1)
        self.poll()

    def poll(self) -> None:
        """Write what waits, where a retry is due, and give up what has waited for too long."""
        now_s = self._clock.monotonic_s()
        if self._failed_s is None or now_s - self._failed_s >= RETRY_S:
            self._write_waiting()
        while self._waiting and (self._kept_samples > KEPT_S * self._rate or now_s - self._waiting[0][0] >= KEPT_S):
            if not self._gaps:
                self._report(f"{self.path} took nothing for {KEPT_S:g} s: what has waited longest is left out", False)
            self._give_up_oldest()

    def close(self, end: End | None) -> None:
        """Write what waits, if the disk takes it now, and finish the file."""
        self._write_waiting()
        while self._waiting:
            self._give_up_oldest()
        if self.missing_samples:
            self._report(f"{self.missing_samples / self._rate:.1f} s are missing in {self.path}", True)
        try:
            self._sink.close(end)
        except (AudioFileError, ContainerError) as error:
            self._report(str(error), True)

    def _write_waiting(self) -> None:
        try:
            while self._gaps:
                self._write_gap(self._gaps[0])
            while self._waiting:
                self._sink.write(self._waiting[0][1])
                self._kept_samples -= _samples(self._waiting.popleft()[1])
        except (AudioFileError, ContainerError) as error:
            if self._failed_s is None:
                self._report(f"{error}; what comes is kept in memory until the disk takes it again", False)
            self._failed_s = self._clock.monotonic_s()
            return
        if self._failed_s is not None:
            self._failed_s = None
            self._report(f"the disk takes {self.path} again", False)

    def _write_gap(self, gap: _Gap) -> None:
        self._sink.write_gap(gap.first, gap.samples)
        gap.first += 1
        gap.count -= 1
        if not gap.count:
            self._gaps.popleft()

    def _give_up_oldest(self) -> None:
        _, part = self._waiting.popleft()
        samples = _samples(part)
        self._kept_samples -= samples
        self.missing_samples += samples
        if not (self._gaps and self._gaps[-1].extend(part.index, samples)):
            self._gaps.append(_Gap(part.index, 1, samples))


def _samples(part: Part) -> int:
    if isinstance(part, Contribution):
        return len(part.audio)
    return part.samples if isinstance(part, PackedChunk) else 0
