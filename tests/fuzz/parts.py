"""Inputs in parts, each a length (u16, big-endian) and its bytes; a target builds what goes around them."""

import struct
import zlib
from collections.abc import Iterable


def join_parts(parts: Iterable[bytes]) -> bytes:
    """Undo `split_parts`."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def split_parts(data: bytes) -> list[bytes]:
    """Cut `data` into its parts; the last may be shorter than it says."""
    parts, at = [], 0
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        parts.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return parts


def crc_of(data: bytes) -> bytes:
    """CRC-32, big-endian, as `.esc` files have it."""
    return struct.pack(">I", zlib.crc32(data))
