"""Samples that are no sound: what is no number, and what is beyond full scale."""

import numpy as np

from codec.types import ChannelAudio

INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)
"""Full scale of samples that are integers of 16, 24 and 32 bits."""
FAR_BEYOND = 64.0
"""No recording of floats at ±1 has many samples beyond this, +36 dB; integers have."""
MANY, FEW = 1e-2, 1e-3


class LevelCheck:
    """Makes every sample a number within ±1, and counts what it had to change."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = np.float32(scale)
        self.non_finite_samples = 0
        self.clipped_samples = 0
        self._peak = 0.0

    def apply(self, block: ChannelAudio) -> ChannelAudio:
        """Divide a block by the scale; what is no number becomes silence, what is beyond full scale is clipped."""
        magnitudes = np.abs(block)
        finite = magnitudes < np.inf  # neither is NaN
        if not finite.all():
            self.non_finite_samples += int((~finite).sum())
            block, magnitudes = np.where(finite, block, np.float32(0)), np.where(finite, magnitudes, np.float32(0))
        if self._scale != 1:
            block, magnitudes = block / self._scale, magnitudes / self._scale
        if magnitudes.max(initial=0) > 1:
            self._peak = max(self._peak, float(magnitudes.max()))
            self.clipped_samples += int((magnitudes > 1).sum())
            block = np.clip(block, -1, 1)
        return block

    @property
    def warnings(self) -> list[str]:
        """What was changed, a line each."""
        found = []
        if self._scale != 1:
            found.append(f"its samples are floats on the scale of integers: they are divided by {self._scale:.0f}")
        if self.non_finite_samples:
            found.append(f"{_samples(self.non_finite_samples)} not finite and became silence")
        if self.clipped_samples:
            found.append(
                f"{_samples(self.clipped_samples)} beyond full scale, up to {self._peak:.4g}, and clipped to ±1"
            )
        return found


def _samples(count: int) -> str:
    return "1 sample was" if count == 1 else f"{count} samples were"


class ScaleEstimate:
    """Finds out from all of a sound's floats whether they are integers that were never divided by their full scale."""

    def __init__(self) -> None:
        self._samples = 0
        self._beyond = dict.fromkeys((FAR_BEYOND, *INTEGER_SCALES), 0)

    def add(self, block: ChannelAudio) -> None:
        """Count the next samples."""
        magnitudes = np.abs(block)
        self._samples += int(((magnitudes > 0) & (magnitudes < np.inf)).sum())
        for limit in self._beyond:
            self._beyond[limit] += int(((magnitudes > limit) & (magnitudes < np.inf)).sum())

    @property
    def scale(self) -> float:
        """What to divide by: the smallest full scale that few samples exceed, 1 for floats at ±1."""
        if self._beyond[FAR_BEYOND] <= MANY * self._samples:
            return 1.0
        return next((scale for scale in INTEGER_SCALES if self._beyond[scale] <= FEW * self._samples), 1.0)
