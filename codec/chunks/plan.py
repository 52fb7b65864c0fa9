"""The chunk plan, overlap and stitching: pure functions of sample positions.

With hop = chunk − overlap, chunk i covers the samples [i·hop, i·hop + chunk). The plan ends with the chunk that
reaches the end of the sound, so no chunk holds overlap alone. Neighbours are cross-faded over the overlap with
weights that add to 1, so a sound that coding left unchanged would come out unchanged.

Seamless chunks do not overlap: each is coded inside the sound around it, as far as the network looks, and its codes
are those of the whole sound.
"""

import enum
from dataclasses import dataclass, field

import numpy as np

from codec.chunks.receptive_field import NO_FIELD, ReceptiveField
from codec.errors import UsageError
from codec.types import Audio

PAD_SAMPLES = 320
"""Sound is padded to a multiple of this before coding, or it might come back shorter than it went in."""

MIN_CHUNK_SAMPLES = 320
MAX_CHUNK_SAMPLES = 30 * 16000


class Stitching(enum.StrEnum):
    """How decoded chunks become one sound."""

    CROSSFADE = "crossfade"
    """Each chunk was coded on its own; neighbours overlap and are cross-faded."""
    SEAMLESS = "seamless"
    """The chunks' codes, joined, are the codes of the whole sound: no overlap, no seam."""


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """How a sound is cut into chunks. Sizes are samples at the model's rate.

    Raises `UsageError` where chunks would be too short, too long, or more than two would overlap at one sample, and
    for seamless chunks that overlap.
    """

    chunk_samples: int = 16000
    overlap_samples: int = 1600
    stitching: Stitching = Stitching.CROSSFADE

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
        if self.stitching is Stitching.SEAMLESS and self.overlap_samples:
            raise UsageError(f"seamless chunks do not overlap: the overlap must be 0, not {self.overlap_samples}")

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
class SoundChunk:
    """Chunk `index` of a plan: its sound, and the sound around it that its codes depend on."""

    index: int
    audio: Audio
    before: Audio = field(default_factory=lambda: np.zeros(0, np.float32))
    after: Audio = field(default_factory=lambda: np.zeros(0, np.float32))
    tail: bool = True
    """Whether it includes the code frame after its last sample: not where a seamless chunk follows."""
    captured_s: float = 0.0
    """When its last sample was captured, in seconds."""
    has_voice: bool = True

    @property
    def samples(self) -> int:
        """Length of the chunk in samples."""
        return len(self.audio)


class Chunker:
    """Cuts sound that arrives in blocks of any length into the chunks of a plan, each with the context of `reach`.

    Holds no more sound than one chunk and its context. A seamless chunk is returned once the sound after it is known as
    far as `reach` looks ahead, and at least one sample. Chunk `first_index` is the first, and the sound pushed begins
    at `start`.
    """

    def __init__(self, plan: ChunkPlan, reach: ReceptiveField = NO_FIELD, first_index: int = 0) -> None:
        self._plan = plan
        self._reach = reach
        self._beyond = max(1, reach.ahead_samples) if plan.stitching is Stitching.SEAMLESS else 0
        self._held = np.zeros(0, np.float32)
        self._next_index = first_index
        self.start = reach.start_of_context(plan.start(first_index))
        """The first sample that is needed."""
        self._held_from = self.start

    def push(self, block: Audio) -> list[SoundChunk]:
        """Add a block of sound; return the chunks that it completes."""
        self._held = np.concatenate([self._held, block])
        chunks = []
        while self._left >= self._plan.chunk_samples + self._beyond:
            chunks.append(self._emit(tail=self._plan.stitching is Stitching.CROSSFADE))
        return chunks

    def finish(self) -> list[SoundChunk]:
        """Return the remaining chunks, the last one shorter; none where only overlap is left. Empties the chunker."""
        chunks = []
        while self._left > (self._plan.overlap_samples if self._next_index else 0):
            chunks.append(self._emit(tail=self._left <= self._plan.chunk_samples))
        self._held_from += len(self._held)
        self._held = self._held[:0]
        return chunks

    @property
    def _left(self) -> int:
        """Samples held from the start of the next chunk on."""
        return self._held_from + len(self._held) - self._plan.start(self._next_index)

    def _emit(self, tail: bool) -> SoundChunk:
        start = self._plan.start(self._next_index)
        stop = start + min(self._plan.chunk_samples, self._left)
        chunk = SoundChunk(
            self._next_index,
            self._take(start, stop),
            self._take(self._reach.start_of_context(start), start),
            self._take(stop, stop + self._reach.ahead_samples),
            tail,
        )
        self._next_index += 1
        kept_from = self._reach.start_of_context(self._plan.start(self._next_index))
        self._held = self._held[max(0, kept_from - self._held_from) :]
        self._held_from = max(self._held_from, kept_from)
        return chunk

    def _take(self, start: int, stop: int) -> Audio:
        return self._held[start - self._held_from : stop - self._held_from].copy()
