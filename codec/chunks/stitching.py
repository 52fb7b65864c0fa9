"""Joining decoded chunks that overlap: neighbours are cross-faded with weights that add to 1."""

import numpy as np

from codec.chunks.plan import ChunkPlan
from codec.types import Audio


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
        """Add the next decoded chunk, cropped to its samples; return the sound up to the start of its own overlap."""
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
