"""Resampling by a ratio that may change at any time: from the stream's rate to the device's.

A windowed sinc is evaluated at fractional delays that go on without a break, so that a change of the ratio changes
the pitch but leaves no step in the sound.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from codec.types import Audio

HALF_TAPS = 16
PHASES = 512
ROLLOFF = 0.94
KAISER_BETA = 8.0


class VariableResampler:
    """Renders mono sound of `in_rate`, read through a callable, at `out_rate`."""

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self._step = in_rate / out_rate
        self._table = _filter_table(1.0 if in_rate == out_rate else min(1.0, out_rate / in_rate) * ROLLOFF)
        self._history = np.zeros(2 * HALF_TAPS, np.float32)
        self._position = 0.0

    @property
    def delay_samples(self) -> float:
        """Input samples between the sample read last and the one rendered last."""
        return HALF_TAPS + 1

    def render(self, frames: int, read: Callable[[int], Audio], speed: float = 0.0) -> Audio:
        """Render so many samples; `read(n)` is called at most once and must return n samples.

        A relative `speed` of 0.001 reads one sample in a thousand more.
        """
        step = self._step * (1.0 + speed)
        positions = self._position + step * np.arange(frames)
        end = self._position + step * frames
        whole = np.floor(positions).astype(np.int64)
        needed = int(np.floor(end))
        samples = np.concatenate([self._history, read(needed)]) if needed else self._history
        rendered = self._interpolate(samples, whole, positions - whole)
        self._history = samples[needed:]
        self._position = end - needed
        return rendered

    def _interpolate(self, samples: Audio, whole: npt.NDArray[np.int64], fraction: npt.NDArray[np.float64]) -> Audio:
        phase = fraction * PHASES
        lower = phase.astype(np.int64)
        blend = (phase - lower).astype(np.float32)[:, None]
        weights = self._table[lower] * (1 - blend) + self._table[lower + 1] * blend
        windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * HALF_TAPS)[whole]
        rendered: Audio = np.einsum("ij,ij->i", windows, weights)
        return rendered


def _filter_table(cutoff: float) -> Audio:
    """The windowed sinc at `PHASES` + 1 offsets between two samples: `[phase, tap]`, each row adding to 1."""
    taps = np.arange(2 * HALF_TAPS) - (HALF_TAPS - 1)
    offset = taps[None, :] - np.linspace(0.0, 1.0, PHASES + 1)[:, None]
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - np.square(offset / HALF_TAPS), 0, None))) / np.i0(KAISER_BETA)
    weights = np.sinc(offset * cutoff) * window
    table: Audio = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return table
