"""A sink that survives the disk: full, read-only, or with its folder gone."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.chunks.streaming import Contribution
from codec.errors import AudioFileError
from net.receiver.sinks.wav import Sink
from net.runtime.clock import Clock

KEPT_S = 60.0
RETRY_S = 1.0

SILENT_SAMPLE = np.zeros(1, np.float32)


@dataclass(slots=True)
class _GivenUp:
    """Neighbouring contributions of one length that were given up: a disk may fail for days."""

    first: int
    count: int
    samples: int

    @property
    def silence(self) -> Contribution:
        """What stands for the first one."""
        return Contribution(self.first, np.broadcast_to(SILENT_SAMPLE, self.samples))

    def take(self, index: int, samples: int) -> bool:
        """Take one more contribution, if it follows and is as long; tell whether it was taken."""
        follows = index == self.first + self.count and samples == self.samples
        self.count += follows
        return follows


class RetryingSink:
    """Writes to another sink; while that fails, keeps the sound in memory and tries again, at most once a second.

    Sound that has waited for longer than `KEPT_S` of newer sound is given up: silence stands for it, so that all after
    it stays at its place in time. Nothing is raised: `report` is told of each change in words, and whether it is a
    loss; `missing_samples` counts what was given up.
    """

    def __init__(self, sink: Sink, sample_rate: int, clock: Clock, report: Callable[[str, bool], None]) -> None:
        self._sink, self._rate, self._clock, self._report = sink, sample_rate, clock, report
        self._waiting: deque[Contribution] = deque()
        self._given_up: deque[_GivenUp] = deque()
        self._kept_samples = 0
        self._failed_s: float | None = None
        self.missing_samples = 0

    @property
    def path(self) -> Path:
        """Where the sound goes."""
        return self._sink.path

    @property
    def is_behind(self) -> bool:
        """Whether sound waits for the disk."""
        return bool(self._waiting or self._given_up)

    def write(self, contribution: Contribution) -> None:
        """Write the contribution, or keep it until the disk takes it."""
        self._waiting.append(contribution)
        self._kept_samples += len(contribution.audio)
        if self._failed_s is None or self._clock.monotonic_s() - self._failed_s >= RETRY_S:
            self._write_waiting()
        while self._kept_samples > KEPT_S * self._rate:
            self._give_up(self._waiting.popleft())

    def close(self) -> None:
        """Write what waits, if the disk takes it now, and finish the file."""
        self._write_waiting()
        while self._waiting:
            self._give_up(self._waiting.popleft())
        if self.missing_samples:
            self._report(f"{self.missing_samples / self._rate:.1f} s of sound are missing in {self.path}", True)
        try:
            self._sink.close()
        except AudioFileError as error:
            self._report(str(error), True)

    def _write_waiting(self) -> None:
        try:
            while self._given_up:
                self._write_given_up(self._given_up[0])
            while self._waiting:
                self._sink.write(self._waiting[0])
                self._kept_samples -= len(self._waiting.popleft().audio)
        except AudioFileError as error:
            self._failed_s, before = self._clock.monotonic_s(), self._failed_s
            if before is None:
                self._report(f"{error}; sound is kept in memory until the disk takes it again", False)
            return
        if self._failed_s is not None:
            self._failed_s = None
            self._report(f"the disk takes sound again: {self.path}", False)

    def _give_up(self, contribution: Contribution) -> None:
        samples = len(contribution.audio)
        self._kept_samples -= samples
        self.missing_samples += samples
        if not (self._given_up and self._given_up[-1].take(contribution.index, samples)):
            self._given_up.append(_GivenUp(contribution.index, 1, samples))

    def _write_given_up(self, given_up: _GivenUp) -> None:
        self._sink.write(given_up.silence)
        given_up.first += 1
        given_up.count -= 1
        if not given_up.count:
            self._given_up.popleft()
