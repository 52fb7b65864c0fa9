"""Comfort noise, which takes the place of chunks that are announced as silent."""

import numpy as np

from codec.types import Audio

DIGITAL_SILENCE_DBFS = -127
"""The level that stands for no noise at all."""


def comfort_noise(level_dbfs: int, samples: int, seed: int) -> Audio:
    """Noise of that level, low-pass filtered to sound like a quiet room; equal for equal seeds."""
    if level_dbfs <= DIGITAL_SILENCE_DBFS:
        return np.zeros(samples, np.float32)
    white = np.random.default_rng(seed).standard_normal(samples + 3)
    dark = (white[3:] + white[2:-1] + white[1:-2] + white[:-3]) / 2
    noise: Audio = (dark * 10 ** (level_dbfs / 20)).astype(np.float32)
    return noise
