"""Where sound can be left out with the least harm, and how: pauses first, otherwise where the ends fit."""

import numpy as np
import numpy.typing as npt

from codec.types import Audio

FRAME_MS = 10
QUIET_SHARE = 0.05
"""A frame is quiet 26 dB below the loudest of late."""
QUIET_LEVEL = 1e-3
"""−60 dBFS: quiet whatever is around it."""
FORGETTING_PER_S = 0.9
"""How fast the loudest of late is forgotten."""


class Loudness:
    """The loudest frame of late, of sound that is pushed in blocks of any length."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._loudest = 0.0

    def push(self, audio: Audio) -> None:
        """Take more sound."""
        kept = self._loudest * FORGETTING_PER_S ** (len(audio) / self._rate)
        self._loudest = max(kept, float(frame_levels(audio, self._rate).max(initial=0.0)))

    @property
    def quiet_below(self) -> float:
        """The level below which a frame is a pause."""
        return max(QUIET_LEVEL, QUIET_SHARE * self._loudest)


def frame_levels(audio: Audio, sample_rate: int) -> npt.NDArray[np.float32]:
    """The level (root of the mean square) of each whole frame of 10 ms."""
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


def best_fit(audio: Audio, fade: int, shortest: int, longest: int) -> int:
    """How much to leave out from the beginning on so that the sound after the cut resembles that before it most."""
    last = min(longest, len(audio) - fade)
    if last <= shortest:
        return max(0, min(shortest, last))
    windows = np.lib.stride_tricks.sliding_window_view(audio, fade)[shortest : last + 1]
    distance = np.square(windows - audio[:fade]).sum(axis=1)
    return shortest + int(np.argmin(distance))


def spliced(audio: Audio, start: int, length: int, fade: int) -> Audio:
    """The sound without `length` samples from `start` on, cross-faded over `fade` samples after the cut."""
    fade = min(fade, len(audio) - start - length)
    fall = np.linspace(1, 0, fade + 2, dtype=np.float32)[1:-1]
    rest = audio[start + length :].copy()
    rest[:fade] = audio[start : start + fade] * fall + rest[:fade] * (1 - fall)
    return np.concatenate([audio[:start], rest])
