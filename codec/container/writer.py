"""Writing `.esc` files: chunk after chunk, whole or not at all."""

import contextlib
import os
from array import array
from dataclasses import replace
from pathlib import Path

from codec.chunks.packed import PackedChunk
from codec.closing import Output
from codec.container.layout import (
    RECORD_HEADER_BYTES,
    EscHeader,
    Trailer,
    pack_header,
    pack_record,
    pack_trailer,
    record_bytes,
)
from codec.errors import ContainerError
from codec.sound.part_file import PartFile


class EscPacker:
    """FairSemaphore chunks into the bytes of a file; the caller writes them one after another.

    Chunks come by rising index and, within it, rising channel; those left out are missing from the file. Only the
    last may be shorter than the plan's chunks. Raises `ValueError` for chunks that break this.
    """

    def __init__(self, header: EscHeader) -> None:
        self.header = header
        self._lengths = array("L")
        self._last: PackedChunk | None = None

    def start(self) -> bytes:
        """The file's first bytes."""
        return pack_header(self.header)

    def add(self, chunk: PackedChunk) -> bytes:
        """The bytes of the next chunk."""
        record = self.pack(chunk)
        self.count(chunk, len(record))
        return record

    def pack(self, chunk: PackedChunk) -> bytes:
        """The bytes of a chunk that may come next; it has come when it is counted."""
        slot = chunk.index * self.header.channels + chunk.channel
        if slot < len(self._lengths):
            raise ValueError(f"chunk {chunk.index} of channel {chunk.channel} comes too late or twice")
        last = self._last
        if (
            last
            and chunk.samples != last.samples
            and (last.index == chunk.index or last.samples < self.header.chunk_samples)
        ):
            raise ValueError(
                f"chunk {last.index} has {last.samples} samples, chunk {chunk.index} cannot follow with {chunk.samples}"
            )
        record = pack_record(chunk)
        if record_bytes(record[:RECORD_HEADER_BYTES], self.header) != len(record):
            raise ValueError(f"chunk {chunk.index} of channel {chunk.channel} is not one of this file")
        return record

    def count(self, chunk: PackedChunk, record_bytes: int) -> None:
        """Count the chunk whose `pack` gave so many bytes."""
        slot = chunk.index * self.header.channels + chunk.channel
        self._lengths.extend([0] * (slot - len(self._lengths)))
        self._lengths.append(record_bytes)
        self._last = chunk

    def finish(self, total_samples: int | None = None, *, complete: bool = True) -> bytes:
        """The file's last bytes; from then on the header tells the length, and `start` may be written anew.

        `total_samples`, where it is known, is the sound's length, beyond the last chunk where the last ones are
        missing; `complete` is False where the sound was stopped early.
        """
        last, header = self._last, self.header
        end = header.plan.start(last.index) + last.samples if last else 0
        total = end if total_samples is None else total_samples
        if header.total_samples not in (None, total):
            raise ValueError(f"the header promised {header.total_samples} samples, not {total}")
        if total < end or (last and header.samples_of(last.index, total) != last.samples):
            raise ValueError(f"chunks that end after {end} samples cannot be those of a sound of {total}")
        self.header = replace(header, total_samples=total)
        slots = header.plan.chunk_count(total) * header.channels
        lengths = tuple(self._lengths) + (0,) * (slots - len(self._lengths))
        return pack_trailer(Trailer(total, lengths, complete))


class EscWriter(Output):
    """An `.esc` file that appears under its name when it is finished (a `PartFile`).

    Until then it is readable up to its last chunk at every moment; `abort`, or an error within `with`, removes it.
    Raises `ContainerError` where the file is there already and `overwrite` is False, or where it cannot be written.

    Where it cannot be written, it is removed, too. With `keep_on_error` it stays instead: the same `add` can be tried
    again, and `finish` gives the file its name before it raises that the index could not be written.
    """

    def __init__(self, path: Path, header: EscHeader, *, overwrite: bool = False, keep_on_error: bool = False) -> None:
        self.path = path
        self._packer = EscPacker(header)
        self._overwrite, self._keep_on_error = overwrite, keep_on_error
        self._part = PartFile(path, ContainerError, overwrite=overwrite)
        start = self._packer.start()
        self._part.write(start)
        self.bytes_written = len(start)

    @property
    def part(self) -> Path:
        """Where the file grows until it is finished."""
        return self._part.part

    def add(self, chunk: PackedChunk) -> None:
        """Append a chunk, as `EscPacker.add` takes them."""
        record = self._packer.pack(chunk)
        self._append(record)
        self._packer.count(chunk, len(record))

    def finish(self, total_samples: int | None = None, *, complete: bool = True) -> None:
        """Append the index, as `EscPacker.finish` does, and give the file its name; a second call does nothing.

        The header, which is written first, then tells the length too.
        """
        if not self._part.open:
            return
        trailer = self._packer.finish(total_samples, complete=complete)
        try:
            self._write_at(0, self._packer.start())
            self._append(trailer)
        except ContainerError:
            if self._keep_on_error:
                self._part.finish()
            raise
        self._part.finish()

    def abort(self) -> None:
        """Remove what was written; after `finish` this does nothing."""
        self._part.abort()

    def _append(self, data: bytes) -> None:
        self._write_at(self.bytes_written, data)
        self.bytes_written += len(data)

    def _write_at(self, offset: int, data: bytes) -> None:
        try:
            if self._keep_on_error and os.fstat(self._part.file.fileno()).st_nlink == 0:
                self._write_anew()
            self._part.file.seek(offset)
            view = memoryview(data)
            while view:
                view = view[self._part.file.write(view) :]
        except OSError as cause:
            with contextlib.suppress(OSError):  # what counts stays whole
                self._part.file.truncate(self.bytes_written)
            if not self._keep_on_error:
                self._part.abort()
            raise self._part.cannot_write(cause) from cause

    def _write_anew(self) -> None:
        """Copy the file, which was deleted and lives on while it is open, to a new one."""
        fresh, deleted = PartFile(self.path, ContainerError, overwrite=self._overwrite), self._part.file
        deleted.seek(0)
        fresh.write(deleted.read(self.bytes_written))
        deleted.close()
        self._part = fresh
