"""Chunks through the codec: what sender, receiver and compress share, so that all of them give the same samples."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codec.bitstream import Codes
from codec.chunks import PAD_SAMPLES, Audio, Chunk, ChunkPlan, Stitcher

if TYPE_CHECKING:
    from codec.inference import Codec


@dataclass(frozen=True, slots=True, eq=False)
class CodedChunk:
    """The codes of one chunk. `tail` says that they hold the code frame after the chunk's last sample."""

    index: int
    samples: int
    codes: Codes
    tail: bool = True

    @property
    def num_streams(self) -> int:
        """How many streams the codes have."""
        return len(self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What one chunk adds to the stitched sound: all contributions, joined, are the whole sound."""

    index: int
    audio: Audio


def code_frames(samples: int, tail: bool) -> int:
    """Number of code frames of a chunk of `samples`: one for each 20 ms begun, and one more with a tail."""
    return -(-samples // PAD_SAMPLES) + tail


def encode_chunk(codec: "Codec", chunk: Chunk, num_streams: int) -> CodedChunk:
    """Encode a chunk, padded with silence to whole code frames."""
    padded = np.pad(chunk.audio, (0, -chunk.samples % PAD_SAMPLES))
    codes = codec.encode(padded, num_streams)
    return CodedChunk(chunk.index, chunk.samples, codes.astype(np.uint16))


class ChunkDecoder:
    """Decodes chunks in order and stitches them; chunks that are missing become silence of their length."""

    def __init__(self, codec: "Codec", plan: ChunkPlan) -> None:
        self._codec = codec
        self._plan = plan
        self._stitcher = Stitcher(plan)
        self._last_index = -1

    def push(self, chunk: CodedChunk) -> Contribution:
        """Decode the next chunk; return the stretch of sound that is final with it."""
        audio = self._codec.decode(chunk.codes, samples=chunk.samples)
        return self._stitch(chunk.index, audio)

    def push_silence(self, index: int, samples: int, noise: Audio | None = None) -> Contribution:
        """Put silence, or `noise` of that length, in place of a chunk that was lost or announced as silent."""
        return self._stitch(index, np.zeros(samples, np.float32) if noise is None else noise)

    def finish(self) -> Contribution:
        """Return the end of the last chunk, which belongs to that chunk's contribution."""
        return Contribution(self._last_index, self._stitcher.finish())

    def _stitch(self, index: int, audio: Audio) -> Contribution:
        self._last_index = index
        return Contribution(index, self._stitcher.push(audio))
