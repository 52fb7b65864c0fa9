"""Reading `.esc` files: by their index, or by a scan where the index is missing or damaged."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from codec.chunks.packed import PackedChunk
from codec.container.layout import (
    CRC_BYTES,
    END_BYTES,
    MAX_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    EscHeader,
    Trailer,
    header_bytes,
    parse_header,
    parse_record,
    parse_trailer,
    trailer_bytes,
)
from codec.container.scan import Contents, Place, Scan
from codec.errors import ContainerError, DamagedChunk

MAX_NAMED = 1000
"""Damaged chunks beyond this number are only counted."""


class EscReader(AbstractContextManager["EscReader"]):
    """An `.esc` file, open for reading its chunks in any order.

    Raises `ContainerError` where the file cannot be opened or its header is damaged.
    """

    def __init__(self, file: Path | BinaryIO) -> None:
        self.name = str(file) if isinstance(file, Path) else "the .esc file"
        try:
            self._file: BinaryIO = _open(file) if isinstance(file, Path) else file
        except OSError as error:
            raise ContainerError(f"cannot read {self.name!r}: {error.strerror or error}") from error
        try:
            self.file_bytes = self._file.seek(0, 2)
            """Length of the file in bytes."""
            start = self._read(0, MAX_HEADER_BYTES)
            self._header_bytes = header_bytes(start[:10])
            self.header: EscHeader = parse_header(start[: self._header_bytes])
            self._contents = (
                self._by_index() or Scan(self._read, self.file_bytes, self.header, self._header_bytes).run()
            )
        except ContainerError as error:
            self.close()
            raise ContainerError(f"{self.name}: {error}") from error

        self.total_samples = self._contents.total_samples
        """Length of each channel in samples at the header's rate; of a cut-off file, up to its last whole chunk."""
        self.chunk_count = self.header.plan.chunk_count(self.total_samples)
        """Chunks of each channel, missing ones included."""
        self.complete = self._contents.complete
        """Whether the file holds the whole sound: neither was the file cut off nor the sound stopped early."""
        self.warnings = self._contents.warnings
        """Damage found on opening, in words; `damage` checks every chunk too."""

    @property
    def payload_bytes(self) -> int:
        """Bytes of the chunks alone: packed codes, and one byte for each silent chunk."""
        overhead = RECORD_HEADER_BYTES + CRC_BYTES
        return sum(place.length - overhead for place in self._contents.places.values())

    @property
    def missing_chunks(self) -> int:
        """How many chunks of all channels were never stored, or were not found by a scan."""
        return self.chunk_count * self.header.channels - len(self._contents.places)

    def read(self, index: int, channel: int = 0) -> PackedChunk | None:
        """Read one chunk; None where it is missing. Raises `DamagedChunk` where its CRC does not match."""
        slot = index * self.header.channels + channel
        place = self._contents.places.get(slot)
        if place is None:
            if self._is_damaged(slot):
                raise self._damaged(index, channel)
            return None
        chunk = parse_record(self._read(place.offset, place.length), self.header)
        expected = self.header.samples_of(index, self.total_samples)
        if chunk is None or (chunk.index, chunk.channel, chunk.samples) != (index, channel, expected):
            raise self._damaged(index, channel)
        return chunk

    def chunks(self, channel: int = 0) -> Iterator[PackedChunk | None]:
        """All chunks of a channel in order, as `read` gives them."""
        for index in range(self.chunk_count):
            yield self.read(index, channel)

    def damage(self) -> tuple[str, ...]:
        """Read everything; return the warnings and a description of each damaged chunk."""
        found = list(self.warnings)
        lost = chain.from_iterable(self._contents.damaged)
        named = set(islice(lost, MAX_NAMED))
        for slot in sorted(self._contents.places.keys() | named):
            try:
                self.read(*divmod(slot, self.header.channels))
            except DamagedChunk as error:
                found.append(str(error).removeprefix(f"{self.name}: "))
        unnamed = sum(map(len, self._contents.damaged)) - len(named)
        return tuple(found) if unnamed <= 0 else (*found, f"{unnamed} more chunks are damaged")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _is_damaged(self, slot: int) -> bool:
        """Whether a record that was not found stood in a damaged place; the ranges are sorted."""
        at = bisect_right(self._contents.damaged, slot, key=lambda slots: slots.start) - 1
        return at >= 0 and slot in self._contents.damaged[at]

    def _damaged(self, index: int, channel: int) -> DamagedChunk:
        return DamagedChunk(f"{self.name}: {self._where(index, channel)} is damaged (its CRC does not match)", index)

    def _where(self, index: int, channel: int) -> str:
        start_s = self.header.plan.start(index) / self.header.sample_rate
        end_s = start_s + self.header.samples_of(index, self.total_samples) / self.header.sample_rate
        of_channel = f" of channel {channel + 1}" if self.header.channels > 1 else ""
        return f"chunk {index}{of_channel} ({start_s:.2f} to {end_s:.2f} s)"

    def _read(self, offset: int, length: int) -> bytes:
        try:
            self._file.seek(offset)
            return self._file.read(length)
        except OSError as error:
            raise ContainerError(f"cannot read {self.name!r}: {error.strerror or error}") from error

    def _by_index(self) -> Contents | None:
        """Read the trailer at the file's end; None where none fits the file."""
        end = self.file_bytes - END_BYTES
        length = trailer_bytes(self._read(end, END_BYTES)) if end >= self._header_bytes else None
        if length is None or not END_BYTES < length <= self.file_bytes - self._header_bytes:
            return None
        trailer = parse_trailer(self._read(self.file_bytes - length, length - END_BYTES), self.header)
        if trailer is None or sum(trailer.record_bytes) != self.file_bytes - length - self._header_bytes:
            return None
        return Contents(self._places(trailer), trailer.total_samples, trailer.complete)

    def _places(self, trailer: Trailer) -> dict[int, Place]:
        places, offset = {}, self._header_bytes
        for slot, length in enumerate(trailer.record_bytes):
            if length:
                places[slot] = Place(offset, length)
            offset += length
        return places


def _open(path: Path) -> BinaryIO:
    """Open a regular file; a pipe, which would have to be waited for, raises `ContainerError`."""
    if path.exists() and not path.is_file():
        raise ContainerError(
            f"{str(path)!r} is {'a folder' if path.is_dir() else 'no regular file'}: name an .esc file"
        )
    return path.open("rb")
