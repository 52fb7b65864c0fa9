import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.chunks.bits import pack_codes, unpack_codes
from codec.chunks.packed import PackedChunk
from codec.container import (
    EscPacker,
    EscReader,
    Stitching,
    thin_chunk,
    thin_header,
    thinned_chunks,
)
from codec.container.layout import MAX_HEADER_BYTES, pack_header, parse_header
from codec.errors import ContainerError, DamagedChunk, UsageError
from tests.codec.container.esc_files import HEADER, chunks_of, file_bytes, headers, opened, recordings, stored_chunk

TOTAL = 5000
"""Four chunks of the test header: 0.1 s each but the last, with an overlap of 20 ms."""


def present(reader: EscReader) -> list[PackedChunk]:
    """All chunks that can be read without damage, in file order."""
    found = []
    for index in range(reader.chunk_count):
        for channel in range(reader.header.channels):
            try:
                found.append(reader.read(index, channel))
            except DamagedChunk:
                continue
    return [chunk for chunk in found if chunk is not None]


@given(headers(), st.none() | st.integers(0, (1 << 48) - 1))
def test_headers_come_back_equal(header, total):
    """Whatever the format can say is read as it was written, in at most 96 bytes."""
    header = replace(header, total_samples=total)
    packed = pack_header(header)
    assert len(packed) <= MAX_HEADER_BYTES
    assert parse_header(packed) == header


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fingerprint", "0123"),
        ("fingerprint", "0123456789ABCDEF"),
        ("model", "é" * 21),
        ("num_streams", 0),
        ("num_streams", 8),
        ("channels", 17),
        ("bits_per_code", 17),
        ("groups", 0),
        ("frame_samples", 0),
        ("sample_rate", 0),
        ("total_samples", -1),
        ("chunk_samples", 100),
        ("overlap_samples", 801),
        ("stitching", Stitching.SEAMLESS),
    ],
)
def test_headers_that_cannot_be_are_refused(field, value):
    """What the format has no place for is named, when it is made and so when it is read."""
    with pytest.raises(ContainerError):
        replace(HEADER, **{field: value})


@given(recordings())
def test_chunks_come_back_equal(recording):
    """Codes, silence, gaps, streams and channels are read by the index as they were written."""
    header, chunks, total = recording
    reader = opened(file_bytes(header, chunks, total))
    assert reader.header == header
    assert (reader.total_samples, reader.complete, reader.damage()) == (total, True, ())
    assert present(reader) == chunks
    assert reader.missing_chunks == header.plan.chunk_count(total) * header.channels - len(chunks)


@given(recordings())
def test_the_index_can_be_rebuilt(recording):
    """Without its trailer, a file gives all whole chunks, found by a scan, and says that it was cut off."""
    header, chunks, _ = recording
    reader = opened(file_bytes(header, chunks, trailer=False))
    last_slot = chunks[-1].index * header.channels + chunks[-1].channel + 1 if chunks else 0
    whole = [chunk for chunk in chunks if chunk.index < last_slot // header.channels]
    assert present(reader) == whole
    assert not reader.complete
    assert "cut off" in reader.warnings[0]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_cut_off_anywhere_gives_its_whole_chunks(channels, known):
    """Cut at every byte: a cut header is refused, any other file gives each chunk that is whole, and a warning."""
    header = replace(HEADER, channels=channels, total_samples=TOTAL if known else None)
    chunks = chunks_of(header, TOTAL)
    data = file_bytes(header, chunks)
    ends = [len(file_bytes(header, chunks[:count], trailer=False)) for count in range(len(chunks) + 1)]
    for length in range(len(data)):
        if length < ends[0]:
            with pytest.raises(ContainerError, match=r"cut off|not an \.esc file"):
                opened(data[:length])
            continue
        reader = opened(data[:length])
        whole = sum(end <= length for end in ends[1:]) // channels
        assert present(reader) == chunks[: whole * channels]
        assert reader.total_samples == (
            header.plan.start(whole - 1) + chunks[whole * channels - 1].samples if whole else 0
        )
        assert reader.warnings
        assert reader.damage() == reader.warnings


def test_every_flipped_bit_is_found_and_named():
    """No bit of a file can change without being found; no chunk is read with other content than was written."""
    chunks = chunks_of(HEADER, TOTAL)
    data = file_bytes(HEADER, chunks)
    ends = [len(file_bytes(HEADER, chunks[:count], trailer=False)) for count in range(len(chunks) + 1)]
    for bit in range(8 * len(data)):
        at = bit // 8
        flipped = bytearray(data)
        flipped[at] ^= 1 << bit % 8
        if at < ends[0]:
            with pytest.raises(ContainerError):
                opened(bytes(flipped))
            continue
        reader = opened(bytes(flipped))
        damaged = sum(end <= at for end in ends) - 1
        if damaged < len(chunks):
            assert any(f"chunk {damaged} " in problem for problem in reader.damage())
            assert present(reader) == [chunk for chunk in chunks if chunk.index != damaged]
            with pytest.raises(DamagedChunk, match=f"chunk {damaged} .* s\\) is damaged"):
                reader.read(damaged)
        else:
            assert reader.damage()
            assert present(reader) == chunks


def test_a_flipped_bit_is_found_without_the_index_too():
    """Where the trailer is gone, the scan goes on behind the damage and names what is lost there."""
    header = replace(HEADER, total_samples=TOTAL)
    chunks = chunks_of(header, TOTAL)
    data = file_bytes(header, chunks, trailer=False)
    ends = [len(file_bytes(header, chunks[:count], trailer=False)) for count in range(len(chunks) + 1)]
    for at in range(ends[1], ends[2]):
        flipped = bytearray(data)
        flipped[at] ^= 0x10
        reader = opened(bytes(flipped))
        assert any("in chunk 1" in warning for warning in reader.warnings)
        assert [chunk.index for chunk in present(reader)] == [0, 2, 3]
        with pytest.raises(DamagedChunk) as caught:
            reader.read(1)
        assert caught.value.index == 1


def test_bytes_that_do_not_belong_are_stepped_over():
    """Inserted or appended bytes cost no chunk and are reported."""
    chunks = chunks_of(HEADER, TOTAL)
    data = file_bytes(HEADER, chunks)
    middle = len(file_bytes(HEADER, chunks[:2], trailer=False))
    for broken in (data[:middle] + b"\xecS\x00garbage" + data[middle:], data + b"more"):
        reader = opened(broken)
        assert present(reader) == chunks
        assert len(reader.warnings) == 1
        assert reader.total_samples == TOTAL


def test_a_removed_chunk_is_found():
    """A record cut out of a file is named by the index."""
    chunks = chunks_of(HEADER, TOTAL)
    data = file_bytes(HEADER, chunks)
    ends = [len(file_bytes(HEADER, chunks[:count], trailer=False)) for count in range(len(chunks) + 1)]
    reader = opened(data[: ends[1]] + data[ends[2] :])
    assert present(reader) == [chunks[0], *chunks[2:]]
    with pytest.raises(DamagedChunk):
        reader.read(1)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_after_a_header_are_read_or_refused(rest):
    """Whatever follows a header, reading it ends, and ends with words or with sound chunks."""
    reader = opened(pack_header(HEADER) + rest)
    assert reader.warnings
    assert present(reader) == []


@given(st.binary(max_size=120))
def test_any_bytes_are_no_esc_file(data):
    """Other files are refused for what they are."""
    with pytest.raises(ContainerError):
        opened(data)


def test_other_versions_and_text_mode_are_named():
    """The two usual accidents get their own advice."""
    data = bytearray(file_bytes(HEADER, []))
    with pytest.raises(ContainerError, match="text mode"):
        opened(bytes(data).replace(b"\r\n", b"\n"))
    data[8] = 2
    with pytest.raises(ContainerError, match="version 2"):
        opened(bytes(data))


def test_a_sound_stopped_early_says_so():
    """A recording that its sender broke off is whole as a file, and not complete."""
    packer = EscPacker(HEADER)
    chunk = stored_chunk(HEADER, 0, 1600)
    reader = opened(packer.start() + packer.add(chunk) + packer.finish(complete=False))
    assert not reader.complete
    assert reader.warnings == ()


def test_chunks_missing_at_the_end_are_counted():
    """A live stream's last chunks may be lost: the length is that of the sound."""
    reader = opened(file_bytes(HEADER, chunks_of(HEADER, TOTAL)[:1], TOTAL))
    assert reader.total_samples == TOTAL
    assert reader.read(3) is None
    assert reader.missing_chunks == 3


@pytest.mark.parametrize(
    "chunk",
    [
        stored_chunk(HEADER, 0, 1600),
        stored_chunk(replace(HEADER, num_streams=3), 2, 1600),
        stored_chunk(HEADER, 2, 1600, channel=1),
        stored_chunk(replace(HEADER, chunk_samples=3200), 2, 1601),
        stored_chunk(HEADER, 2, 320),
        replace(stored_chunk(HEADER, 2, 1600), payload=b"short"),
        stored_chunk(HEADER, 1 << 24, 1600),
    ],
    ids=["again", "more streams", "no such channel", "too long", "overlap alone", "short payload", "too many"],
)
def test_chunks_that_do_not_fit_are_refused(chunk):
    """What could not be read again is not written."""
    packer = EscPacker(HEADER)
    packer.add(stored_chunk(HEADER, 1, 1600))
    with pytest.raises(ValueError, match="chunk"):
        packer.add(chunk)


def test_only_the_last_chunk_may_be_short():
    """A short chunk in the middle would move everything after it."""
    packer = EscPacker(HEADER)
    packer.add(stored_chunk(HEADER, 0, 1000))
    with pytest.raises(ValueError, match="1000 samples"):
        packer.add(stored_chunk(HEADER, 1, 1600))


def test_a_length_that_contradicts_the_chunks_is_refused():
    """The trailer never tells another length than the chunks or the header do."""
    for header, total in ((HEADER, 1599), (replace(HEADER, total_samples=1600), 1700)):
        packer = EscPacker(header)
        packer.add(stored_chunk(header, 0, 1600))
        with pytest.raises(ValueError, match=str(total)):
            packer.finish(total)


@given(recordings(), st.data())
def test_thinned_chunks_hold_the_first_streams(recording, data):
    """Thinning without decoding gives the codes of the first k streams, and leaves silence and thinner chunks alone."""
    header, chunks, total = recording
    streams = data.draw(st.integers(1, header.num_streams))
    thin = thin_header(header, streams)
    thinned = list(thinned_chunks(opened(file_bytes(header, chunks, total)), streams))
    assert present(opened(file_bytes(thin, thinned, total))) == thinned
    for before, after in zip(chunks, thinned, strict=True):
        assert after.num_streams == min(before.num_streams, streams)
        shape = (header.groups, header.frames(before.samples, tail=before.tail), header.bits_per_code)
        if before.silence_dbfs is None:
            codes = unpack_codes(before.payload, before.num_streams, *shape)[:streams]
            assert after.payload == pack_codes(codes, header.bits_per_code)
        else:
            assert after == before


@pytest.mark.parametrize("streams", [0, 3])
def test_streams_cannot_be_added(streams):
    """Thinning to more streams than there are is refused, naming what there is."""
    with pytest.raises(UsageError, match="1 to 2"):
        thin_header(HEADER, streams)
    assert thin_chunk(stored_chunk(HEADER, 0, 1600), HEADER, 2).num_streams == 2


def test_the_header_of_a_short_file_is_small():
    """What stands around the codes of one second costs less than 150 bytes."""
    header = replace(HEADER, chunk_samples=16000, overlap_samples=1600, num_streams=6)
    data = file_bytes(header, chunks_of(header, 16000))
    assert len(pack_header(header)) <= MAX_HEADER_BYTES
    assert len(data) - 1148 < 150


def test_every_byte_stands_where_the_description_says():
    """FORMAT.md by hand: a file of one chunk, put together from its tables, is the file that is written."""

    def crc(part: bytes) -> bytes:
        return part + zlib.crc32(part).to_bytes(4, "big")

    chunk = stored_chunk(HEADER, 0, 1000)
    header = crc(
        bytes.fromhex("89 45 53 43 0D 0A 1A 0A 01 3D 00 01 02 03 0A 01 40 00 00 3E 80 00 00 06 40 00 00 01 40")
        + bytes(4)
        + bytes.fromhex("FF FF FF FF FF FF FF FF 01 23 45 67 89 AB CD EF")
        + b"esc-mini"
    )
    record = crc(bytes.fromhex("EC 53 0A 00 00 00 00 00 00 00 03 E8") + chunk.payload)
    index = crc(bytes.fromhex("EC 58 01 00 00 00 00 01 00 00 00 00 00 00 03 E8") + len(record).to_bytes(4, "big"))
    trailer = index + (len(index) + 8).to_bytes(4, "big") + bytes.fromhex("43 53 45 1A")
    assert len(header) == 0x3D
    assert len(record) == 16 + -(-2 * 3 * (4 + 1) * 10 // 8)
    assert len(trailer) == 28 + 4
    assert file_bytes(HEADER, [chunk]) == header + record + trailer
