"""Time-scale modification by cuts: pauses are shortened; elsewhere the cut is made where the ends match (as WSOLA)."""

import numpy as np
import numpy.typing as npt

from codec.types import Audio

FRAME_MS = 10
QUIET_SHARE = 0.05
"""A frame is quiet 26 dB below the peak level."""
QUIET_LEVEL = 1e-3
"""−60 dBFS: quiet at any peak level."""
PEAK_DECAY_PER_S = 0.9


class PeakLevel:
    """The decaying peak of the frame levels of sound that is pushed in blocks of any length."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._peak = 0.0

    def push(self, audio: Audio) -> None:
        """Measure more sound."""
        decayed = self._peak * PEAK_DECAY_PER_S ** (len(audio) / self._rate)
        self._peak = max(decayed, float(frame_levels(audio, self._rate).max(initial=0.0)))

    @property
    def quiet_below(self) -> float:
        """The level below which a frame is a pause."""
        return max(QUIET_LEVEL, QUIET_SHARE * self._peak)


def frame_levels(audio: Audio, sample_rate: int) -> npt.NDArray[np.float32]:
    """The RMS level of each whole frame of 10 ms."""
    frame = sample_rate * FRAME_MS // 1000
    frames = audio[: len(audio) // frame * frame].reshape(-1, frame)
    levels: npt.NDArray[np.float32] = np.sqrt(np.mean(np.square(frames), axis=1))
    return levels


def longest_pause(audio: Audio, sample_rate: int, quiet_below: float) -> tuple[int, int]:
    """The first sample and the length of the longest run of quiet frames; a length of 0 where there is none."""
    quiet = np.concatenate([[False], frame_levels(audio, sample_rate) < quiet_below, [False]])
    edges = np.flatnonzero(np.diff(quiet))
    if not len(edges):
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    frame = sample_rate * FRAME_MS // 1000
    return int(starts[longest]) * frame, int(stops[longest] - starts[longest]) * frame


def best_cut_length(audio: Audio, fade: int, shortest: int, longest: int) -> int:
    """The length to cut off the beginning after which the sound resembles that before the cut most, over `fade`."""
    last = min(longest, len(audio) - fade)
    if last <= shortest:
        return max(0, min(shortest, last))
    windows = np.lib.stride_tricks.sliding_window_view(audio, fade)[shortest : last + 1]
    distance = np.square(windows - audio[:fade]).sum(axis=1)
    return shortest + int(np.argmin(distance))


def fade_out(samples: int) -> Audio:
    """The linear weights of a fade to silence, both ends excluded; reversed and from 1 they make the fade in."""
    return np.linspace(1, 0, samples + 2, dtype=np.float32)[1:-1]


def cut(audio: Audio, start: int, length: int, fade: int) -> Audio:
    """The sound without `length` samples from `start` on, cross-faded over `fade` samples after the cut."""
    fade = min(fade, len(audio) - start - length)
    weights = fade_out(fade)
    rest = audio[start + length :].copy()
    rest[:fade] = audio[start : start + fade] * weights + rest[:fade] * (1 - weights)
    return np.concatenate([audio[:start], rest])
