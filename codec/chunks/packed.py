"""A coded chunk as codes and as bytes: what decoders take, and what `.esc` files hold and links carry."""

from dataclasses import dataclass

from codec.chunks.bits import pack_codes, unpack_codes
from codec.chunks.plan import PAD_SAMPLES
from codec.types import Codes


@dataclass(frozen=True, slots=True, eq=False)
class CodedChunk:
    """The codes of one chunk. `tail` says that they include the code frame after the chunk's last sample."""

    index: int
    samples: int
    codes: Codes
    tail: bool = True

    @property
    def num_streams(self) -> int:
        """How many streams the codes have."""
        return len(self.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedChunk:
    """One chunk of the plan, of one channel: packed codes, or a stretch of silence.

    `payload` holds packed codes (`codec.chunks.bits`) of `num_streams`; `tail` says that they include the code frame
    after the last sample. Silence has `silence_dbfs` (−127 to 0; −127 is digital silence), no streams, no tail and no
    payload. `capture_s` is when the last sample was captured, in seconds from the stream's epoch: links carry it in
    steps of 0.1 ms, files do not.
    """

    index: int
    samples: int
    num_streams: int
    payload: bytes
    channel: int = 0
    tail: bool = True
    silence_dbfs: int | None = None
    capture_s: float = 0.0


def code_frames(samples: int, tail: bool) -> int:
    """Number of code frames of a chunk of `samples`: one for each 20 ms begun, and one more with a tail."""
    return -(-samples // PAD_SAMPLES) + tail


def pack_chunk(chunk: CodedChunk, bits_per_code: int, *, channel: int = 0, capture_s: float = 0.0) -> PackedChunk:
    """The chunk with its codes packed."""
    return PackedChunk(
        index=chunk.index,
        samples=chunk.samples,
        num_streams=chunk.num_streams,
        payload=pack_codes(chunk.codes, bits_per_code),
        channel=channel,
        tail=chunk.tail,
        capture_s=capture_s,
    )


def unpack_chunk(chunk: PackedChunk, groups: int, bits_per_code: int, max_streams: int | None = None) -> CodedChunk:
    """Undo `pack_chunk`, for a chunk that is not silence, keeping at most `max_streams`.

    Raises `ValueError` for a payload that is not one of this shape.
    """
    frames = code_frames(chunk.samples, chunk.tail)
    codes = unpack_codes(chunk.payload, chunk.num_streams, groups, frames, bits_per_code)
    return CodedChunk(chunk.index, chunk.samples, codes[:max_streams], chunk.tail)
