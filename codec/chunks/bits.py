"""Codes ↔ packed bits.

Codes lie stream after stream, in a stream group after group, in a group frame after frame, each code most significant
bit first, with no gap between them; the last byte is filled with zero bits. Streams are coarse to fine, so the bits of
the first k streams are a prefix of the bits of all.
"""

import numpy as np
import numpy.typing as npt

from codec.types import Codes

MAX_BITS_PER_CODE = 16


def packed_bytes(num_streams: int, groups: int, frames: int, bits_per_code: int) -> int:
    """Bytes that `pack_codes` makes of codes of this shape."""
    return (num_streams * groups * frames * bits_per_code + 7) // 8


def pack_codes(codes: npt.NDArray[np.integer], bits_per_code: int) -> bytes:
    """Pack codes `[stream, group, frame]`.

    Raises `ValueError` for a code that needs more than `bits_per_code`, and `TypeError` for codes of no integer type.
    """
    _check_width(bits_per_code)
    if not np.issubdtype(codes.dtype, np.integer):
        raise TypeError(f"codes must be integers, not {codes.dtype}")
    flat = np.ascontiguousarray(codes).reshape(-1)
    if flat.size and (flat.min() < 0 or flat.max() >> bits_per_code):
        raise ValueError(f"codes must lie in 0 to {(1 << bits_per_code) - 1}, got {flat.min()} to {flat.max()}")
    big_endian = flat.astype(">u2").view(np.uint8).reshape(-1, 2)
    bits = np.unpackbits(big_endian, axis=1)[:, MAX_BITS_PER_CODE - bits_per_code :]
    return np.packbits(bits).tobytes()


def unpack_codes(packed: bytes, num_streams: int, groups: int, frames: int, bits_per_code: int) -> Codes:
    """Undo `pack_codes`: uint16 `[stream, group, frame]`.

    Raises `ValueError` where `packed` has another length than that shape needs, or its filling bits are not zero.
    """
    _check_width(bits_per_code)
    expected = packed_bytes(num_streams, groups, frames, bits_per_code)
    if len(packed) != expected:
        raise ValueError(
            f"{num_streams}×{groups}×{frames} codes of {bits_per_code} bits take {expected} bytes, got {len(packed)}"
        )
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    used = num_streams * groups * frames * bits_per_code
    if bits[used:].any():
        raise ValueError("the bits after the last code must be zero")
    padded = np.zeros((used // bits_per_code, MAX_BITS_PER_CODE), np.uint8)
    padded[:, MAX_BITS_PER_CODE - bits_per_code :] = bits[:used].reshape(-1, bits_per_code)
    codes = np.packbits(padded, axis=1).view(">u2").astype(np.uint16)
    return codes.reshape(num_streams, groups, frames)


def keep_streams(packed: bytes, num_streams: int, groups: int, frames: int, bits_per_code: int) -> bytes:
    """Cut packed codes down to their first `num_streams`; raises `ValueError` where there are fewer."""
    kept = packed_bytes(num_streams, groups, frames, bits_per_code)
    if len(packed) < kept:
        raise ValueError(
            f"{num_streams}×{groups}×{frames} codes of {bits_per_code} bits take {kept} bytes, got {len(packed)}"
        )
    filling_bits = 8 * kept - num_streams * groups * frames * bits_per_code
    if not filling_bits:
        return packed[:kept]
    last = packed[kept - 1] >> filling_bits << filling_bits
    return packed[: kept - 1] + bytes([last])


def _check_width(bits_per_code: int) -> None:
    if not 1 <= bits_per_code <= MAX_BITS_PER_CODE:
        raise ValueError(f"a code must have 1 to {MAX_BITS_PER_CODE} bits, not {bits_per_code}")
