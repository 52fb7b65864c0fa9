"""Codes at rest on their way through the link: an `.esc` file as a sender's source, and what arrives as an `.esc`."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codec.comfort import DIGITAL_SILENCE_DBFS
from codec.container import EscHeader, EscReader, EscWriter, Stitching, StoredChunk, thin_chunk
from codec.container.layout import shortened_name
from codec.errors import DamagedChunk, UsageError
from net.clock import Clock
from net.errors import RemoteProtocolError
from net.events import EventLog
from net.limits import DEFAULT_LIMITS
from net.messages import Chunk, End, Hello
from net.pacing import RealTimePacer
from net.text import printable


def as_stored(chunk: Chunk) -> StoredChunk:
    """A chunk of the link as a file holds it."""
    return StoredChunk(
        index=chunk.index,
        samples=chunk.samples,
        num_streams=chunk.num_streams,
        payload=chunk.payload,
        tail=chunk.tail,
        silence_dbfs=chunk.silence_dbfs,
    )


@dataclass(frozen=True, slots=True)
class CapturedCodes:
    """Stored codes, and when they were taken from the file."""

    chunk: StoredChunk
    captured_s: float


class StoredSource:
    """An `.esc` file whose chunks are sent as they are, as fast as they are taken or, with `realtime`, as spoken.

    Raises `ContainerError` for what is no `.esc` file, `UsageError` for one of several channels.
    """

    live = False

    def __init__(self, path: Path, clock: Clock, events: EventLog, *, realtime: bool = False) -> None:
        self.name = printable(path.name, DEFAULT_LIMITS.name_chars)
        self._reader = EscReader(path)
        self._clock, self._events = clock, events
        self.header: EscHeader = self._reader.header
        if self.header.channels != 1:
            self._reader.close()
            raise UsageError(
                f"{path} has {self.header.channels} channels, and a stream carries one: compress with --channels mix"
            )
        self._pacer = RealTimePacer(self.header.sample_rate, clock) if realtime else None
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

    def chunks(self, stopping: threading.Event, first: int = 0) -> Iterator[CapturedCodes]:
        """Chunks until the file ends or `stopping` is set; missing and damaged ones are left out, the latter told."""
        for index in range(first, self.chunk_count):
            end = self.header.plan.start(index) + self.header.samples_of(index, self.total_samples)
            if self._pacer:
                self._pacer.wait_for(end - self.header.plan.start(first), stopping)
            if stopping.is_set():
                return
            try:
                chunk = self._reader.read(index)
            except DamagedChunk as error:
                self._events.warning(f"{error}: it is left out")
                continue
            if chunk is not None:
                yield CapturedCodes(chunk, self._clock.epoch_s())

    def delay(self, pause_s: float) -> None:
        """Shift what is still to come by a pause."""
        if self._pacer:
            self._pacer.delay(pause_s)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def outgoing_chunk(
    captured: CapturedCodes, header: EscHeader, *, num_streams: int, muted: bool, epoch_s: float
) -> Chunk:
    """Stored codes as they travel: with at most `num_streams`, or as silence if `muted`."""
    chunk = thin_chunk(captured.chunk, header, num_streams)
    silence_dbfs = DIGITAL_SILENCE_DBFS if muted else chunk.silence_dbfs
    silent = silence_dbfs is not None
    return Chunk(
        index=chunk.index,
        samples=chunk.samples,
        num_streams=0 if silent else chunk.num_streams,
        tail=chunk.tail and not silent,
        silence_dbfs=silence_dbfs,
        capture_s=max(0.0, captured.captured_s - epoch_s),
        payload=b"" if silent else chunk.payload,
    )


class CodesSink:
    """Stores the chunks of a stream as they arrive, in an `.esc` file that is readable at every moment."""

    def __init__(self, path: Path, hello: Hello, frame_samples: int) -> None:
        self.path = path
        header = EscHeader(
            fingerprint=hello.fingerprint,
            model=shortened_name(hello.model),
            sample_rate=hello.sample_rate,
            num_streams=hello.num_streams,
            groups=hello.groups,
            bits_per_code=hello.bits_per_code,
            frame_samples=frame_samples,
            chunk_samples=hello.chunk_samples,
            overlap_samples=hello.overlap_samples,
            stitching=Stitching(hello.stitching),
        )
        self._writer = EscWriter(path, header)

    def add(self, chunk: Chunk) -> None:
        """Store a chunk. Raises `RemoteProtocolError` for one that the plan cannot have."""
        stored = as_stored(chunk)
        try:
            self._writer.add(stored)
        except ValueError as error:
            raise RemoteProtocolError(f"the stream cannot be stored: {error}") from error

    def close(self, end: End | None) -> None:
        """Finish the file, with the length that END told if one came; a second call does nothing."""
        try:
            self._writer.finish(end.samples if end else None, complete=end is not None and end.complete)
        except ValueError:  # END does not fit what came: the chunks tell the length
            self._writer.finish(complete=False)
