"""Stored codes as a sender's source: an `.esc` file."""

from collections.abc import Iterator
from pathlib import Path

from codec.chunks.packed import PackedChunk
from codec.container import EscHeader, EscReader
from codec.errors import DamagedChunk, UsageError
from net.protocol.limits import DEFAULT_LIMITS
from net.telemetry.events import EventLog
from net.text import printable


class EscSource:
    """An `.esc` file, whose chunks are sent as they are.

    Raises `ContainerError` for what is no `.esc` file, `UsageError` for one of several channels.
    """

    live = False

    def __init__(self, path: Path, events: EventLog) -> None:
        self.name = printable(path.name, DEFAULT_LIMITS.name_chars)
        self._reader, self._events = EscReader(path), events
        self.header: EscHeader = self._reader.header
        if self.header.channels != 1:
            self._reader.close()
            raise UsageError(
                f"{path} has {self.header.channels} channels, and a stream carries one: compress with --channels mix"
            )
        for warning in self._reader.warnings:
            events.warning(f"{path.name}: {warning}")

    @property
    def total_samples(self) -> int:
        """The sound's length; of a cut-off file, up to its last whole chunk."""
        return self._reader.total_samples

    @property
    def chunk_count(self) -> int:
        """Chunks of the plan, missing ones included."""
        return self._reader.chunk_count

    def chunks(self, first: int = 0) -> Iterator[PackedChunk]:
        """Chunks from `first` on. Missing ones are left out, and damaged ones with an event."""
        for index in range(first, self.chunk_count):
            try:
                chunk = self._reader.read(index)
            except DamagedChunk as error:
                self._events.warning(f"{error}: it is left out")
                continue
            if chunk is not None:
                yield chunk

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
