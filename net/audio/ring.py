"""A bounded ring between an audio callback, which must never wait, and the thread that takes its sound."""

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]


class FrameRing:
    """Passes frames `[frame, channel]` from one writing thread to one reading thread without a lock.

    Each side moves a counter of its own, which the other only reads. What does not fit is dropped and counted, and
    `read` gives silence in its place, so that time goes on exactly.
    """

    def __init__(self, capacity_frames: int, channels: int) -> None:
        self._ring = np.zeros((capacity_frames, channels), np.float32)
        self._capacity = capacity_frames
        self._written = self._read = 0
        self._dropped = self._made_up = 0

    def write(self, frames: Frames) -> None:
        """Copy frames in; drop those that do not fit."""
        room = self._capacity - (self._written - self._read)
        if len(frames) > room:
            self._dropped += len(frames) - room
            frames = frames[:room]
        start = self._written % self._capacity
        head = min(len(frames), self._capacity - start)
        self._ring[start : start + head] = frames[:head]
        self._ring[: len(frames) - head] = frames[head:]
        self._written += len(frames)

    def read(self) -> Frames:
        """Take all that is there, then silence for what was dropped."""
        dropped = self._dropped
        count = self._written - self._read
        start = self._read % self._capacity
        head = min(count, self._capacity - start)
        missing = dropped - self._made_up
        silence = np.zeros((missing, self._ring.shape[1]), np.float32)
        frames: Frames = np.concatenate([self._ring[start : start + head], self._ring[: count - head], silence])
        self._read += count
        self._made_up = dropped
        return frames

    @property
    def dropped_frames(self) -> int:
        """How many frames found no room so far."""
        return self._dropped

    @property
    def written_frames(self) -> int:
        """How many frames were copied in so far."""
        return self._written
