"""What a sender streams: sound files, and what every source of sound offers."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codec.atomic_file import file_version
from codec.errors import IncompleteSound
from codec.sound.reading import AudioReader
from codec.types import Audio
from net.protocol.limits import DEFAULT_LIMITS
from net.telemetry.events import EventLog
from net.text import printable

SAMPLE_RATE = 16000
"""Of the sound that links carry, in Hz."""
MAX_STREAM_SAMPLES = DEFAULT_LIMITS.max_stream_s * SAMPLE_RATE
BLOCKS_PER_SECOND = 10


@dataclass(frozen=True, slots=True, eq=False)
class SourceBlock:
    """A stretch of mono sound at the model's rate."""

    audio: Audio
    captured_s: float | None = None
    """When its last sample was captured (the sender's clock); None for sound that was recorded before."""
    speech: bool | None = None
    """Whether there is voice in it, None where the source does not know."""


class Source(Protocol):
    """Mono sound at the model's rate, in blocks."""

    live: bool
    """Whether sound is lost when it is not taken in time."""

    @property
    def name(self) -> str:
        """What is streamed, as it is shown."""
        ...

    @property
    def total_samples(self) -> int | None:
        """The whole length at the model's rate, None where it is not known."""
        ...

    def blocks(self, stopping: threading.Event, first_sample: int = 0) -> Iterator[SourceBlock]:
        """Blocks from `first_sample` on until the sound ends or, if it is live, `stopping` is set."""
        ...

    def close(self) -> None:
        """Close the file or device; calling it twice does nothing."""
        ...


class FileSource:
    """A sound file; what a person should know of it becomes events. Raises `AudioFileError` where it cannot be read."""

    live = False

    def __init__(self, path: Path, events: EventLog) -> None:
        self._path, self._version = path, file_version(path)
        self._reader, self._events = AudioReader(path, SAMPLE_RATE), events
        self.name = printable(self._reader.name, DEFAULT_LIMITS.name_chars)

    @property
    def total_samples(self) -> int | None:
        """The whole length at the model's rate; None while it is unknown, or impossible as the file states it."""
        total = self._reader.total_samples
        return total if total is not None and total <= MAX_STREAM_SAMPLES else None

    def blocks(self, _stopping: threading.Event, first_sample: int = 0) -> Iterator[SourceBlock]:
        """Blocks of a tenth of a second or less. Raises `IncompleteSound` at the end where a part is missing."""
        reader, size, to_skip, told = self._reader, SAMPLE_RATE // BLOCKS_PER_SECOND, first_sample, 0
        for whole in reader.blocks():
            told = self._tell(told)
            block, to_skip = whole[to_skip:], max(0, to_skip - len(whole))
            for start in range(0, len(block), size):
                yield SourceBlock(block[start : start + size])
        self._tell(told)
        if file_version(self._path) != self._version:
            self._events.warning(
                f"{self.name}: the file changed while it was read: what was sent may be part old, part new"
            )
        if reader.missing:
            raise IncompleteSound(f"{self.name}: {reader.missing}")

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _tell(self, told: int) -> int:
        """Make events of the warnings after the first `told`; return how many there are now."""
        warnings = self._reader.warnings
        for warning in warnings[told:]:
            if warning != self._reader.missing:  # which is an error
                self._events.warning(f"{self.name}: {warning}")
        return len(warnings)
