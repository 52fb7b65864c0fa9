"""Resampling of sound that arrives in blocks: the result is that of one pass, so no block edge is heard."""

import math
from collections.abc import Callable

import numpy as np

from codec.types import Audio

MAX_BANK_TERM = 3200
"""torchaudio's filter bank is dense: it grows with both terms of the ratio. Beyond this it would take gigabytes."""

ZERO_CROSSINGS = 6
ROLLOFF = 0.99


def resampled_length(samples: int, rate: int, new_rate: int) -> int:
    """Length in samples of a sound after resampling it."""
    return -(-samples * new_rate // rate)


class Resampler:
    """Resamples mono sound block by block, by a windowed sinc (torchaudio's defaults: 6 zero crossings, Hann).

    The sound advances in steps of rate/gcd input samples, which give new_rate/gcd output samples; each stretch is
    filtered together with as much of its neighbours as the filter reaches.
    """

    def __init__(self, rate: int, new_rate: int) -> None:
        self._rate, self._new_rate = rate, new_rate
        divisor = math.gcd(rate, new_rate)
        self._step_in, self._step_out = rate // divisor, new_rate // divisor
        self._filter = _choose_filter(self._step_in, self._step_out)
        self._context_steps = -(-_reach_samples(self._step_in, self._step_out) // self._step_in)
        self._pending = np.zeros(self._context_steps * self._step_in, np.float32)
        self._taken = self._given = 0

    def push(self, block: Audio) -> Audio:
        """Take a block of sound and return what can be resampled by now, possibly nothing."""
        self._taken += len(block)
        if self._filter is None:
            self._given += len(block)
            return block
        self._pending = np.concatenate([self._pending, block])
        return self._advance(self._filter)

    def finish(self) -> Audio:
        """Return the end of the sound, so that all that was returned is exactly as long as it should be."""
        missing = resampled_length(self._taken, self._rate, self._new_rate) - self._given
        if self._filter is None or missing <= 0:
            return np.zeros(0, np.float32)
        steps = -(-missing // self._step_out)
        needed = (steps + 2 * self._context_steps) * self._step_in
        silence = np.zeros(max(0, needed - len(self._pending)), np.float32)
        self._pending = np.concatenate([self._pending, silence])
        return self._advance(self._filter)[:missing]

    def _advance(self, resample: Callable[[Audio], Audio]) -> Audio:
        steps = len(self._pending) // self._step_in - 2 * self._context_steps
        if steps <= 0:
            return np.zeros(0, np.float32)
        with_context = self._pending[: (steps + 2 * self._context_steps) * self._step_in]
        first = self._context_steps * self._step_out
        resampled = resample(with_context)[first : first + steps * self._step_out]
        self._pending = self._pending[steps * self._step_in :]
        self._given += len(resampled)
        return resampled


def _reach_samples(step_in: int, step_out: int) -> int:
    """How many input samples the filter looks to each side."""
    return math.ceil(ZERO_CROSSINGS * step_in / (min(step_in, step_out) * ROLLOFF)) + 1


def _choose_filter(step_in: int, step_out: int) -> Callable[[Audio], Audio] | None:
    if step_in == step_out:
        return None
    if max(step_in, step_out) <= MAX_BANK_TERM:
        return _filter_bank(step_in, step_out)
    return _sparse_filter(step_in, step_out)


def _filter_bank(step_in: int, step_out: int) -> Callable[[Audio], Audio]:
    import torch  # noqa: PLC0415 - importing torch takes seconds
    from torchaudio.transforms import Resample  # noqa: PLC0415 - likewise

    bank = Resample(step_in, step_out, lowpass_filter_width=ZERO_CROSSINGS, rolloff=ROLLOFF)

    def resample(audio: Audio) -> Audio:
        with torch.inference_mode():
            resampled: Audio = bank(torch.from_numpy(audio)).numpy()
        return resampled

    return resample


def _sparse_filter(step_in: int, step_out: int) -> Callable[[Audio], Audio]:
    """Build the same filter with only its non-zero taps, for ratios of large terms (44101 → 16000)."""
    reach = _reach_samples(step_in, step_out)
    position = np.arange(step_out) * (step_in / step_out)
    first_tap = np.floor(position).astype(np.int64)
    taps = np.arange(2 * reach + 1)
    cutoff = min(1.0, step_out / step_in) * ROLLOFF
    phase = ((taps[None, :] - reach) - (position - first_tap)[:, None]) * cutoff
    window = np.cos(np.clip(phase, -ZERO_CROSSINGS, ZERO_CROSSINGS) * np.pi / ZERO_CROSSINGS / 2) ** 2
    weights = (np.sinc(phase) * window * cutoff).astype(np.float32)
    gather = first_tap[:, None] + taps[None, :]

    def resample(audio: Audio) -> Audio:
        padded = np.pad(audio, reach)
        starts = range(0, len(audio) - step_in + 1, step_in)
        return np.concatenate([np.einsum("jk,jk->j", padded[start + gather], weights) for start in starts])

    return resample
