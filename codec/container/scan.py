"""Rebuilding the index of an `.esc` file: record by record, across damaged and missing stretches."""

from collections.abc import Callable
from dataclasses import dataclass

from codec.chunks.packed import PackedChunk
from codec.container.layout import (
    END_BYTES,
    MAX_FIRST_S,
    MAX_GAP_S,
    RECORD_HEADER_BYTES,
    RECORD_MARK,
    TRAILER_HEADER_BYTES,
    TRAILER_MARK,
    EscHeader,
    Trailer,
    parse_record,
    parse_trailer,
    record_bytes,
    trailer_body_bytes,
    trailer_bytes,
)

_SEARCH_BYTES = 1 << 20
_TRIES_PER_BYTE = 16
_LEAST_TRIED_BYTES = 64 << 20
"""A hostile file may let a record begin everywhere: no more than this is read to find out."""

Read = Callable[[int, int], bytes]
"""Reads from an offset (first) at most so many bytes (second)."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one record."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Contents:
    """Where the records of a file are. Slots count chunk after chunk, and channel after channel within each.

    `damaged` are the slots whose records must have stood in damaged places.
    """

    places: dict[int, Place]
    total_samples: int
    complete: bool
    damaged: tuple[range, ...] = ()
    warnings: tuple[str, ...] = ()


class Scan:
    """One pass over the records of a file of `size` bytes, from the header's end at `start` on."""

    def __init__(self, read: Read, size: int, header: EscHeader, start: int) -> None:
        self._read = read
        self._size = size
        self._header = header
        self._at = start
        self._places: dict[int, Place] = {}
        self._last: PackedChunk | None = None
        self._next_slot = 0
        self._damaged: list[range] = []
        self._may_try_bytes = max(_LEAST_TRIED_BYTES, _TRIES_PER_BYTE * size)
        self._warnings: list[str] = []

    def run(self) -> Contents:
        """Find every whole record."""
        while self._at < self._size:
            if self._take_record():
                continue
            trailer = self._trailer_at(self._at)
            if trailer is not None:
                return self._ended(trailer)
            found = self._search(self._at + 1)
            if found is None:
                break
            self._skip_to(found)
        return self._cut_off()

    def _take_record(self) -> bool:
        record = self._record_at(self._at)
        if record is None:
            return False
        chunk, length = record
        slot = self._slot(chunk)
        self._places[slot] = Place(self._at, length)
        self._last, self._next_slot = chunk, slot + 1
        self._at += length
        return True

    def _slot(self, chunk: PackedChunk) -> int:
        return chunk.index * self._header.channels + chunk.channel

    def _record_at(self, offset: int) -> tuple[PackedChunk, int] | None:
        start = self._read(offset, RECORD_HEADER_BYTES)
        length = record_bytes(start, self._header) if len(start) == RECORD_HEADER_BYTES else None
        if length is None or offset + length > self._size:
            return None
        self._may_try_bytes -= length
        chunk = parse_record(self._read(offset, length), self._header)
        if chunk is None or self._slot(chunk) < self._next_slot or not self._is_near(chunk):
            return None
        return chunk, length

    def _is_near(self, chunk: PackedChunk) -> bool:
        """Whether the gap before the chunk is plausible: a few bytes must not stand for years of silence."""
        last = -1 if self._last is None else self._last.index
        longest_s = MAX_FIRST_S if self._last is None else MAX_GAP_S
        return (chunk.index - last - 1) * self._header.plan.hop_samples <= longest_s * self._header.sample_rate

    def _trailer_at(self, offset: int) -> Trailer | None:
        start = self._read(offset, TRAILER_HEADER_BYTES)
        length = trailer_body_bytes(start) if len(start) == TRAILER_HEADER_BYTES else None
        if length is None or offset + length > self._size:
            return None
        self._may_try_bytes -= length
        return parse_trailer(self._read(offset, length), self._header)

    def _search(self, offset: int) -> int | None:
        """The next place from `offset` on at which a whole record or trailer begins."""
        while offset < self._size and self._may_try_bytes > 0:
            window = self._read(offset, _SEARCH_BYTES)
            at = -1
            while (at := window.find(RECORD_MARK[:1], at + 1)) >= 0 and self._may_try_bytes > 0:
                is_marked = window[at : at + 2] in (RECORD_MARK, TRAILER_MARK, RECORD_MARK[:1])
                if is_marked and (self._record_at(offset + at) or self._trailer_at(offset + at)):
                    return offset + at
            offset += len(window)
        return None

    def _skip_to(self, offset: int) -> None:
        record = self._record_at(offset)
        trailer = None if record else self._trailer_at(offset)
        end = self._slot(record[0]) if record else len(trailer.record_bytes) if trailer else self._next_slot
        self._note_damage(self._at, offset, range(self._next_slot, max(self._next_slot, end)))
        self._at = offset

    def _note_damage(self, start: int, end: int, slots: range) -> None:
        self._damaged.append(slots)
        chunks = range(slots.start // self._header.channels, -(-slots.stop // self._header.channels))
        what = (
            f"in chunk {chunks[0]}" if len(chunks) == 1 else f"in chunks {chunks[0]} to {chunks[-1]}" if chunks else ""
        )
        self._warnings.append(f"bytes {start} to {end - 1} are damaged{', ' if what else ''}{what}")

    def _ended(self, trailer: Trailer) -> Contents:
        """The contents where the trailer was reached: it lists the records that should have been found."""
        body = trailer_body_bytes(self._read(self._at, TRAILER_HEADER_BYTES)) or 0
        end = self._read(self._at + body, END_BYTES)
        if len(end) < END_BYTES or trailer_bytes(end) != body + END_BYTES:
            self._warnings.append("the end mark (the last 8 bytes) is damaged or cut off")
        beyond = self._size - self._at - body - END_BYTES
        if beyond > 0:
            self._warnings.append(f"{beyond} bytes stand after the file's end")
        stored = {slot for slot, length in enumerate(trailer.record_bytes) if length}
        places = {slot: place for slot, place in self._places.items() if slot in stored}
        lost = [range(slot, slot + 1) for slot in sorted(stored - places.keys())]
        if lost and not self._damaged:
            self._warnings.append(f"{len(lost)} chunks that the index names are not in the file")
        return Contents(places, trailer.total_samples, trailer.complete, tuple(lost), tuple(self._warnings))

    def _cut_off(self) -> Contents:
        """The contents where the file ends without a trailer."""
        channels = self._header.channels
        whole_slots = self._next_slot - self._next_slot % channels
        places = {slot: place for slot, place in self._places.items() if slot < whole_slots}
        total = 0
        if places:
            index = max(places) // channels
            plan = self._header.plan
            samples = self._last.samples if self._last and self._last.index == index else plan.chunk_samples
            total = plan.start(index) + samples
        promised = self._header.total_samples
        self._warnings.append(self._cut_off_warning(total))
        return Contents(places, total, total == promised, tuple(filter(None, self._damaged)), tuple(self._warnings))

    def _cut_off_warning(self, total: int) -> str:
        rest, rate, promised = self._size - self._at, self._header.sample_rate, self._header.total_samples
        if total == promised:
            return "the index at the file's end is damaged or cut off, and was rebuilt: no sound is lost"
        of_all = f" of {promised / rate:.2f} s" if promised is not None else ""
        torn = f" ({rest} bytes of a torn chunk or index follow)" if rest else ""
        return f"the file is cut off: it holds the first {total / rate:.2f} s{of_all}{torn}"
