"""A bounded ring buffer between an audio callback, which must never wait, and the thread that reads its sound."""

import numpy as np

from net.audio.devices import Frames


class RingBuffer:
    """Passes frames `[frame, channel]` from one writing thread to one reading thread without a lock.

    Each side moves a counter of its own, which the other only reads. What does not fit is dropped and counted, and
    `read` gives silence in its place, so that the timeline stays exact.
    """

    def __init__(self, capacity_frames: int, channels: int) -> None:
        self._ring = np.zeros((capacity_frames, channels), np.float32)
        self._capacity = capacity_frames
        self._written = self._read = self._replaced = 0
        self.dropped_frames = 0
        """How many frames found no room so far."""

    def write(self, frames: Frames) -> None:
        """Copy frames in; drop those that do not fit."""
        room = self._capacity - (self._written - self._read)
        self.dropped_frames += max(0, len(frames) - room)
        frames = frames[:room]
        start = self._written % self._capacity
        head = min(len(frames), self._capacity - start)
        self._ring[start : start + head] = frames[:head]
        self._ring[: len(frames) - head] = frames[head:]
        self._written += len(frames)

    def read(self) -> Frames:
        """Return all frames that are there, then silence for those that were dropped."""
        dropped = self.dropped_frames
        count = self._written - self._read
        start = self._read % self._capacity
        head = min(count, self._capacity - start)
        silence = np.zeros((dropped - self._replaced, self._ring.shape[1]), np.float32)
        frames: Frames = np.concatenate([self._ring[start : start + head], self._ring[: count - head], silence])
        self._read += count
        self._replaced = dropped
        return frames
