"""Writing `.esc` files chunk by chunk."""

from array import array
from dataclasses import replace
from pathlib import Path

from codec.atomic_file import PartFile
from codec.chunks.packed import PackedChunk
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


class EscPacker:
    """Packs chunks into the bytes of a file, for the caller to write one after another.

    Chunks come by rising index and, within it, rising channel; those left out are missing from the file. Only the
    last may be shorter than the plan's chunks. Raises `ValueError` for chunks that break this.
    """

    def __init__(self, header: EscHeader) -> None:
        self.header = header
        self.file_bytes = len(self.start())
        """How long the file is so far."""
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
        """The bytes of a chunk that may come next; `count` then makes it the last one."""
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
        """Count a chunk whose record of so many bytes was written."""
        slot = chunk.index * self.header.channels + chunk.channel
        self._lengths.extend([0] * (slot - len(self._lengths)))
        self._lengths.append(record_bytes)
        self._last = chunk
        self.file_bytes += record_bytes

    def finish(self, total_samples: int | None = None, *, complete: bool = True) -> bytes:
        """The file's last bytes; from then on `start` has the length too, and may be written over the first bytes.

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
        trailer = pack_trailer(Trailer(total, lengths, complete))
        self.file_bytes += len(trailer)
        return trailer


class EscWriter(PartFile):
    """An `.esc` file that appears under its name when it is finished.

    Until then `part` is readable up to its last chunk at every moment; `abort`, or an error within `with`, removes it.
    Raises `ContainerError` where the file exists and `overwrite` is False, or where it cannot be written, which
    removes it. With `keep_on_error` it stays instead: the same `add` can be tried again, and `finish` gives the file
    its name before it raises that the index could not be written.
    """

    def __init__(self, path: Path, header: EscHeader, *, overwrite: bool = False, keep_on_error: bool = False) -> None:
        self._packer = EscPacker(header)
        super().__init__(path, ContainerError, overwrite=overwrite, keep_on_error=keep_on_error)
        self.append(self._packer.start())

    @property
    def file_bytes(self) -> int:
        """How long the file is so far."""
        return self.size

    def add(self, chunk: PackedChunk) -> None:
        """Append a chunk, as `EscPacker.add` takes them."""
        record = self._packer.pack(chunk)
        self.append(record)
        self._packer.count(chunk, len(record))

    def finish(self, total_samples: int | None = None, *, complete: bool = True) -> None:
        """Append the index and write the length into the header, as `EscPacker.finish`; then give the file its name.

        A second call does nothing.
        """
        if not self.open:
            return
        trailer = self._packer.finish(total_samples, complete=complete)
        try:
            self.replace_start(self._packer.start())
            self.append(trailer)
        except ContainerError:
            if self._keep_on_error:
                super().finish()
            raise
        super().finish()
