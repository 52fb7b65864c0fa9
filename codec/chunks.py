"""The chunk plan, overlap and stitching: pure functions of sample positions.

With hop = chunk − overlap, chunk i covers the samples [i·hop, i·hop + chunk). The plan ends with the chunk that
reaches the end of the sound, so no chunk holds overlap alone. Neighbours are cross-faded over the overlap with
weights that add to 1, so a sound that the codec left unchanged would come out unchanged.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codec.errors import UsageError

Audio = npt.NDArray[np.float32]
"""Mono sound, float32 `[samples]`, full scale at ±1."""

PAD_SAMPLES = 320
"""What is coded is padded to a multiple of this: shorter sounds would come back shorter than they went in."""

MIN_CHUNK_SAMPLES = 320
MAX_CHUNK_SAMPLES = 30 * 16000


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """How a sound is cut into chunks. Sizes are samples at the model's rate.

    Raises `UsageError` where chunks would be too short, too long, or more than two would overlap at one sample.
    """

    chunk_samples: int = 16000
    overlap_samples: int = 1600

    def __post_init__(self) -> None:
        if not MIN_CHUNK_SAMPLES <= self.chunk_samples <= MAX_CHUNK_SAMPLES:
            raise UsageError(
                f"the chunk size must be {MIN_CHUNK_SAMPLES} to {MAX_CHUNK_SAMPLES} samples, not {self.chunk_samples}"
            )
        if not 0 <= self.overlap_samples <= self.chunk_samples // 2:
            raise UsageError(
                f"the overlap must be 0 to {self.chunk_samples // 2} samples (half of the chunk), "
                f"not {self.overlap_samples}"
            )

    @property
    def hop_samples(self) -> int:
        """Samples between the starts of two neighbouring chunks."""
        return self.chunk_samples - self.overlap_samples

    def chunk_count(self, total_samples: int) -> int:
        """How many chunks cover a sound of `total_samples`."""
        if total_samples <= 0:
            return 0
        beyond_first = max(0, total_samples - self.chunk_samples)
        return 1 + -(-beyond_first // self.hop_samples)

    def start(self, index: int) -> int:
        """The first sample of chunk `index`."""
        return index * self.hop_samples


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A stretch of sound: chunk `index` of its plan."""

    index: int
    audio: Audio

    @property
    def samples(self) -> int:
        """Length of the chunk in samples."""
        return len(self.audio)


class Chunker:
    """Cuts sound that arrives in blocks of any length into the chunks of a plan, holding at most one chunk.

    With `first_index` the sound begins where that chunk does.
    """

    def __init__(self, plan: ChunkPlan, first_index: int = 0) -> None:
        self._plan = plan
        self._buffer = np.zeros(plan.chunk_samples, np.float32)
        self._filled = 0
        self._next_index = first_index

    def push(self, block: Audio) -> list[Chunk]:
        """Take more sound and return the chunks that it completes."""
        chunks = []
        while len(block):
            room = self._plan.chunk_samples - self._filled
            taken, block = block[:room], block[room:]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            if self._filled == self._plan.chunk_samples:
                chunks.append(self._emit())
        return chunks

    def finish(self) -> list[Chunk]:
        """Return the last, shorter chunk, if anything but overlap is left; the chunker is then empty."""
        overlap = self._plan.overlap_samples if self._next_index else 0
        chunks = [self._emit()] if self._filled > overlap else []
        self._filled = 0
        return chunks

    def _emit(self) -> Chunk:
        chunk = Chunk(self._next_index, self._buffer[: self._filled].copy())
        self._next_index += 1
        kept = self._plan.overlap_samples if self._filled == self._plan.chunk_samples else 0
        self._buffer[:kept] = chunk.audio[len(chunk.audio) - kept :]
        self._filled = kept
        return chunk


class Stitcher:
    """Joins decoded chunks into one sound, sample for sample as long as what was cut.

    Each call returns the stretch that is final: the contributions of all chunks, joined, are the whole sound.
    """

    def __init__(self, plan: ChunkPlan) -> None:
        self._overlap = plan.overlap_samples
        self._tail = np.zeros(0, np.float32)
        rise = (np.arange(self._overlap, dtype=np.float32) + 0.5) / max(1, self._overlap)
        self._fade_in = rise.astype(np.float32)
        self._fade_out = (1.0 - rise).astype(np.float32)

    def push(self, audio: Audio) -> Audio:
        """Take the next decoded chunk, cropped to its samples; return the stretch up to its own overlap's start."""
        audio = audio.astype(np.float32, copy=True)
        faded = len(self._tail)
        if faded:
            if len(audio) < faded:
                raise ValueError(f"a chunk of {len(audio)} samples is shorter than the overlap of {faded}")
            audio[:faded] = self._tail * self._fade_out + audio[:faded] * self._fade_in
        kept = min(self._overlap, len(audio))
        self._tail = audio[len(audio) - kept :]
        return audio[: len(audio) - kept]

    def finish(self) -> Audio:
        """Return the end of the last chunk."""
        tail, self._tail = self._tail, np.zeros(0, np.float32)
        return tail
