"""Where the sender's sound comes from."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codec.sound.reading import AudioReader
from codec.types import Audio
from net.protocol.limits import DEFAULT_LIMITS
from net.runtime.clock import Clock
from net.sender.realtime_pacing import RealTimePacer
from net.text import printable

BLOCKS_PER_SECOND = 10


@dataclass(frozen=True, slots=True, eq=False)
class SourceBlock:
    """A stretch of mono sound at the model's rate, and when its last sample was captured (the sender's clock)."""

    audio: Audio
    captured_s: float


class Source(Protocol):
    """Sound as it comes, at the model's rate."""

    live: bool
    """Whether sound is lost when it is not taken in time."""

    @property
    def name(self) -> str:
        """What is streamed, for people."""
        ...

    @property
    def total_samples(self) -> int | None:
        """The whole length, None where nobody knows it."""
        ...

    def blocks(self, stopping: threading.Event) -> Iterator[SourceBlock]:
        """Blocks until the sound ends or `stopping` is set."""
        ...

    def skip(self, samples: int) -> None:
        """Begin so many samples later; call before `blocks`."""
        ...

    def delay(self, pause_s: float) -> None:
        """Shift what is still to come by a pause, where the source paces itself."""
        ...

    def close(self) -> None:
        """Give the file or device back."""
        ...


class FileSource:
    """A sound file, as fast as it is taken or, with `realtime`, as fast as it would be spoken."""

    live = False

    def __init__(self, path: Path, sample_rate: int, clock: Clock, *, realtime: bool = False) -> None:
        self._reader = AudioReader(path, sample_rate)
        self._rate = sample_rate
        self._clock = clock
        self._pacer = RealTimePacer(sample_rate, clock) if realtime else None
        self._skipped = 0
        self.name = printable(self._reader.name, DEFAULT_LIMITS.name_chars)

    @property
    def total_samples(self) -> int | None:
        """The whole length in samples at the model's rate."""
        return self._reader.total_samples

    def blocks(self, stopping: threading.Event) -> Iterator[SourceBlock]:
        """Blocks of a tenth of a second or less."""
        end = 0
        for audio in self._tenths():
            end += len(audio)
            if self._pacer:
                self._pacer.wait_for(end, stopping)
            if stopping.is_set():
                return
            yield SourceBlock(audio, self._clock.epoch_s())

    def skip(self, samples: int) -> None:
        """Begin so many samples later; call before `blocks`."""
        self._skipped = samples

    def delay(self, pause_s: float) -> None:
        """Shift what is still to come by a pause."""
        if self._pacer:
            self._pacer.delay(pause_s)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _tenths(self) -> Iterator[Audio]:
        size = self._rate // BLOCKS_PER_SECOND
        to_skip = self._skipped
        for whole in self._reader.blocks():
            block, to_skip = whole[to_skip:], max(0, to_skip - len(whole))
            for start in range(0, len(block), size):
                yield block[start : start + size]
