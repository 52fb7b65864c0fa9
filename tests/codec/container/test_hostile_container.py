"""Files made to make a reader work long or hold much."""

import time
from dataclasses import replace

import pytest

from codec.chunks.packed import PackedChunk
from codec.container.layout import MAX_FIRST_S, MAX_GAP_S, RECORD_MARK, EscHeader, pack_header, pack_record
from codec.container.reader import MAX_NAMED
from tests.codec.container.esc_files import HEADER, opened, stored_chunk

RATE, HOP = HEADER.sample_rate, HEADER.plan.hop_samples
LONGEST_S = 20.0
"""Of the time of a busy machine; without the limits it would be hours."""


def unfinished(header: EscHeader, *chunks: PackedChunk) -> bytes:
    return pack_header(header) + b"".join(map(pack_record, chunks))


def indexes(*numbers: int) -> bytes:
    return unfinished(HEADER, *(stored_chunk(HEADER, number, HEADER.chunk_samples) for number in numbers))


@pytest.mark.parametrize(("before", "most"), [((), MAX_FIRST_S * RATE // HOP), ((0,), 1 + MAX_GAP_S * RATE // HOP)])
def test_a_gap_is_believed_up_to_its_limit(before: tuple[int, ...], most: int) -> None:
    """At the limit the chunk is read, one past it it is damage, and nothing before it is lost."""
    with opened(indexes(*before, most)) as reader:
        assert reader.chunk_count == most + 1
        assert reader.read(most) is not None
    with opened(indexes(*before, most + 1)) as reader:
        assert reader.chunk_count == len(before)
        assert reader.damage()


def test_a_chunk_far_away_costs_no_time() -> None:
    """Not even damage before it makes a reader look at millions of chunks."""
    header = replace(HEADER, chunk_samples=640, overlap_samples=0, channels=16)
    far = MAX_FIRST_S * RATE // 640
    chunks = [stored_chunk(header, far, 640, channel=channel) for channel in range(16)]
    began_s = time.monotonic()
    with opened(pack_header(header) + b"damage" + unfinished(header, *chunks)[len(pack_header(header)) :]) as reader:
        found = reader.damage()
        assert reader.chunk_count == far + 1
    assert time.monotonic() - began_s < LONGEST_S
    assert len(found) < MAX_NAMED + 10
    assert "more chunks are damaged" in found[-1]


def test_a_file_of_nothing_but_marks_is_given_up() -> None:
    """Each mark claims a long record: the search ends when enough was read."""
    header = replace(HEADER, chunk_samples=480000, overlap_samples=0, num_streams=7, groups=64, frame_samples=1)
    claim = RECORD_MARK + bytes([0b1001, 0]) + bytes(4) + (2000).to_bytes(4, "big")
    data = pack_header(header) + claim * 40_000
    began_s = time.monotonic()
    with opened(data) as reader:
        assert reader.chunk_count == 0
    assert time.monotonic() - began_s < LONGEST_S
