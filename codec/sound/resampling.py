"""Resampling by libsoxr at high quality: flat to 0.9 of the lower band's end, what lies beyond it at −130 dB.

Sound is float32 `[samples]` or `[channel, samples]`, and stays aligned to the sample.
"""

import math

import numpy as np
import soxr

from codec.types import Audio, ChannelAudio

SHORTEST_CONTEXT_S = 0.006
"""So much around a stretch decides it, to −100 dB, where neither rate is below `FULL_BAND_RATE`."""
FULL_BAND_RATE = 16000


def resampled_length(samples: int, rate: int, new_rate: int) -> int:
    """Length in samples of a sound after resampling it."""
    return -(-samples * new_rate // rate)


def resample(audio: ChannelAudio, rate: int, new_rate: int) -> ChannelAudio:
    """A whole sound at another rate, `resampled_length` samples long."""
    resampler = Resampler(rate, new_rate, len(audio) if audio.ndim > 1 else None)
    return np.concatenate([resampler.push(audio), resampler.finish()], axis=-1)


class Resampler:
    """Resamples sound block by block: the results, joined, are bit for bit those of one pass over the whole.

    Blocks are `[channel, samples]`, or `[samples]` where `channels` is None. libsoxr works in blocks of its own, so
    results come up to 120 ms late: live sound takes a `LiveResampler`.
    """

    def __init__(self, rate: int, new_rate: int, channels: int | None = None) -> None:
        self._rate, self._new_rate = rate, new_rate
        self._shape = () if channels is None else (channels,)
        self._stream = soxr.ResampleStream(rate, new_rate, channels or 1) if rate != new_rate else None
        self._pushed = self._returned = 0

    def push(self, block: ChannelAudio) -> ChannelAudio:
        """Return what can be resampled by now, possibly nothing."""
        self._pushed += block.shape[-1]
        return self._process(block)

    def finish(self) -> ChannelAudio:
        """Return the end of the sound."""
        missing = resampled_length(self._pushed, self._rate, self._new_rate) - self._returned
        if missing <= 0:
            return np.zeros((*self._shape, 0), np.float32)
        silence = np.zeros((*self._shape, self._rate // self._new_rate + 1), np.float32)  # soxr rounds the length down
        return self._process(silence, last=True)[..., :missing]

    def _process(self, block: ChannelAudio, *, last: bool = False) -> ChannelAudio:
        resampled = block
        if self._stream is not None:
            resampled = np.ascontiguousarray(self._stream.resample_chunk(np.ascontiguousarray(block.T), last).T)
        self._returned += resampled.shape[-1]
        return resampled


class LiveResampler:
    """Resamples mono sound block by block with the least delay.

    The sound advances in steps of rate/gcd input samples (3 for 48 kHz → 16 kHz, 10 ms of 44.1 kHz), and is resampled
    together with a few milliseconds on both sides, which are waited for.
    """

    def __init__(self, rate: int, new_rate: int) -> None:
        self._rate, self._new_rate = rate, new_rate
        divisor = math.gcd(rate, new_rate)
        self._step_in, self._step_out = rate // divisor, new_rate // divisor
        context_s = SHORTEST_CONTEXT_S * max(1.0, FULL_BAND_RATE / min(rate, new_rate))
        self._context_steps = math.ceil(context_s * rate / self._step_in)
        self._held = np.zeros(self._context_steps * self._step_in, np.float32)

    def push(self, block: Audio) -> Audio:
        """Return what can be resampled by now, possibly nothing."""
        if self._rate == self._new_rate:
            return block
        self._held = np.concatenate([self._held, block])
        steps = len(self._held) // self._step_in - 2 * self._context_steps
        if steps <= 0:
            return np.zeros(0, np.float32)
        resampled: Audio = soxr.resample(self._held, self._rate, self._new_rate)
        self._held = self._held[steps * self._step_in :]
        first = self._context_steps * self._step_out
        return resampled[first : first + steps * self._step_out]
