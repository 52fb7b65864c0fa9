import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec.chunks.bits import keep_streams, pack_codes, packed_bytes, unpack_codes
from codec.chunks.packed import CodedChunk, code_frames, pack_chunk, unpack_chunk


@st.composite
def codes_and_bits(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    bits = draw(st.integers(1, 16))
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(0, 9)))
    codes = draw(hnp.arrays(np.uint16, shape, elements=st.integers(0, (1 << bits) - 1)))
    return codes, bits


@given(codes_and_bits())
def test_unpack_undoes_pack(case):
    """Every shape and code width comes back equal, in exactly the bytes that `packed_bytes` tells."""
    codes, bits = case
    packed = pack_codes(codes, bits)
    assert len(packed) == packed_bytes(*codes.shape, bits)
    unpacked = unpack_codes(packed, *codes.shape, bits)
    assert unpacked.dtype == np.uint16
    np.testing.assert_array_equal(unpacked, codes)


@given(codes_and_bits())
def test_bits_are_written_most_significant_first_without_gaps(case):
    """The layout is that of the format's description: the codes' binary digits, one after another, then zeros."""
    codes, bits = case
    digits = "".join(f"{code:0{bits}b}" for code in codes.reshape(-1).tolist())
    digits += "0" * (-len(digits) % 8)
    assert pack_codes(codes, bits) == bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8))


@given(codes_and_bits(), st.data())
def test_fewer_streams_are_kept_without_unpacking(case, data):
    """Keeping k streams of packed bits equals packing the first k streams."""
    codes, bits = case
    kept = data.draw(st.integers(1, len(codes)))
    packed = pack_codes(codes, bits)
    assert keep_streams(packed, kept, *codes.shape[1:], bits) == pack_codes(codes[:kept], bits)


def test_a_chunk_of_one_second_at_six_streams_takes_1148_bytes():
    """16000 samples are 51 code frames of 6 streams × 3 groups × 10 bits."""
    assert packed_bytes(6, 3, 51, 10) == 1148


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_any_integer_type_is_packed_alike(dtype):
    """The type that holds the codes leaves no trace in the bits, and views that are not contiguous pack in order."""
    codes = np.arange(24, dtype=dtype).reshape(4, 3, 2)
    assert pack_codes(codes, 10) == pack_codes(codes.astype(np.uint16), 10)
    assert pack_codes(codes.transpose(2, 1, 0), 10) == pack_codes(codes.transpose(2, 1, 0).copy(), 10)


@pytest.mark.parametrize(("code", "bits"), [(1024, 10), (-1, 10), (65536, 16), (2, 1)])
def test_a_code_that_does_not_fit_is_refused(code, bits):
    """A code outside its width would silently change its neighbours: it is named instead."""
    with pytest.raises(ValueError, match=str(code)):
        pack_codes(np.array([[[0, code]]]), bits)


@pytest.mark.parametrize("bits", [0, -1, 17, 64])
def test_an_impossible_code_width_is_refused(bits):
    """Widths beyond 1 to 16 bits are refused on both ways."""
    with pytest.raises(ValueError, match="1 to 16 bits"):
        pack_codes(np.zeros((1, 1, 1), np.uint16), bits)
    with pytest.raises(ValueError, match="1 to 16 bits"):
        unpack_codes(b"", 1, 1, 0, bits)


def test_codes_that_are_not_integers_are_refused():
    """Floats would be cut to integers without a word."""
    with pytest.raises(TypeError, match="float32"):
        pack_codes(np.zeros((1, 1, 1), np.float32), 10)


@given(codes_and_bits(), st.integers(-3, 3).filter(bool))
def test_bytes_of_another_length_are_refused(case, surplus):
    """Too few or too many bytes are refused, whole frames or not."""
    codes, bits = case
    packed = pack_codes(codes, bits)
    wrong = packed + bytes(surplus) if surplus > 0 else packed[:surplus]
    if len(wrong) == len(packed):
        return
    with pytest.raises(ValueError, match="bytes, got"):
        unpack_codes(wrong, *codes.shape, bits)


def test_filling_bits_must_be_zero():
    """A bit set after the last code is found."""
    packed = pack_codes(np.zeros((1, 1, 1), np.uint16), 10)
    with pytest.raises(ValueError, match="zero"):
        unpack_codes(packed[:1] + b"\x01", 1, 1, 1, 10)


def test_streams_that_are_not_there_cannot_be_kept():
    """Keeping more bits than there are is refused."""
    with pytest.raises(ValueError, match="3×3×5"):
        keep_streams(pack_codes(np.zeros((2, 3, 5), np.uint16), 10), 3, 3, 5, 10)


@given(st.integers(1, 2000), st.booleans(), st.integers(1, 6), st.integers(1, 6))
def test_a_packed_chunk_comes_back(samples, tail, streams, kept):
    """Unpacking gives the chunk that was packed, with at most so many streams; payloads of other lengths fail."""
    random = np.random.default_rng(samples)
    codes = random.integers(0, 1024, (streams, 3, code_frames(samples, tail))).astype(np.uint16)
    packed = pack_chunk(CodedChunk(7, samples, codes, tail), 10, channel=2, capture_s=1.5)
    assert (packed.index, packed.samples, packed.num_streams, packed.tail) == (7, samples, streams, tail)
    assert (packed.channel, packed.capture_s, packed.silence_dbfs) == (2, 1.5, None)
    found = unpack_chunk(packed, 3, 10, kept)
    assert (found.index, found.samples, found.tail, found.num_streams) == (7, samples, tail, min(streams, kept))
    np.testing.assert_array_equal(found.codes, codes[:kept])
    with pytest.raises(ValueError, match="bytes"):
        unpack_chunk(packed, 4, 10)
