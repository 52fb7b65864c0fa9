"""Codes at rest on their way through the link: an `.esc` file as a sender's source, and what arrives as an `.esc`."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS
from codec.chunks.packed import PackedChunk
from codec.container import EscHeader, EscReader, thin_chunk
from codec.errors import DamagedChunk, UsageError
from net.protocol.limits import DEFAULT_LIMITS
from net.runtime.clock import Clock
from net.sender.realtime_pacing import RealTimePacer
from net.telemetry.events import EventLog
from net.text import printable


class EscSource:
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

    def chunks(self, stopping: threading.Event, epoch_s: float, first: int = 0) -> Iterator[PackedChunk]:
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
                yield replace(chunk, capture_s=max(0.0, self._clock.epoch_s() - epoch_s))

    def delay(self, pause_s: float) -> None:
        """Shift what is still to come by a pause."""
        if self._pacer:
            self._pacer.delay(pause_s)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def outgoing_chunk(chunk: PackedChunk, header: EscHeader, *, num_streams: int, muted: bool) -> PackedChunk:
    """Stored codes as they travel: with at most `num_streams`, or as silence if `muted`."""
    chunk = thin_chunk(chunk, header, num_streams)
    silence_dbfs = DIGITAL_SILENCE_DBFS if muted else chunk.silence_dbfs
    if silence_dbfs is None:
        return chunk
    return replace(chunk, num_streams=0, tail=False, silence_dbfs=silence_dbfs, payload=b"")
