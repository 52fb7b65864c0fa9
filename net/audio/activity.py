"""Voice activity by energy, and the level of what is not voice.

A frame of 20 ms is active while its level is well above the noise floor, which is the lowest smoothed level of the
last 3 s: speech pauses more often than that, noise does not. Activity begins 9 dB above the floor, ends 5 dB above
it, and lasts 200 ms longer, so that soft word endings are kept. Whatever is louder than −35 dBFS is active, however
steady (music, a horn); whatever is below −65 dBFS is not.
"""

from collections import deque

import numpy as np

from codec.chunks.comfort_noise import DIGITAL_SILENCE_DBFS
from codec.types import Audio

FRAME_MS = 20
FLOOR_WINDOW_S = 3.0
ON_ABOVE_FLOOR_DB = 9.0
OFF_ABOVE_FLOOR_DB = 5.0
HANGOVER_S = 0.2
ALWAYS_ACTIVE_DBFS = -35.0
NEVER_ACTIVE_DBFS = -65.0
SMOOTHING = 0.4


class ActivityDetector:
    """Follows mono sound that is pushed in blocks of any length."""

    def __init__(self, sample_rate: int) -> None:
        self._frame = sample_rate * FRAME_MS // 1000
        self._pending = np.zeros(0, np.float32)
        self._levels: deque[float] = deque(maxlen=int(FLOOR_WINDOW_S * 1000 / FRAME_MS))
        self._smoothed_dbfs: float | None = None
        self._hangover_frames = 0
        self.active = False
        """Whether there was voice in the newest frame, or up to 200 ms before it."""

    def push(self, audio: Audio) -> bool:
        """Take more sound; tell whether any of it, or of what was pending, was active."""
        pending = np.concatenate([self._pending, audio])
        count = len(pending) // self._frame
        frames = pending[: count * self._frame].reshape(count, self._frame)
        self._pending = pending[count * self._frame :]
        power = np.mean(np.square(frames - frames.mean(axis=1, keepdims=True)), axis=1) if count else np.zeros(0)
        was_active = self.active
        for level_dbfs in 10 * np.log10(power + 1e-13):
            self.active = self._step(float(level_dbfs))
            was_active |= self.active
        return was_active

    def _step(self, level_dbfs: float) -> bool:
        before = level_dbfs if self._smoothed_dbfs is None else self._smoothed_dbfs
        self._smoothed_dbfs = before + SMOOTHING * (level_dbfs - before)
        self._levels.append(self._smoothed_dbfs)
        floor_dbfs = min(self._levels)
        above_db = OFF_ABOVE_FLOOR_DB if self._hangover_frames else ON_ABOVE_FLOOR_DB
        loud = level_dbfs > max(floor_dbfs + above_db, NEVER_ACTIVE_DBFS) or level_dbfs > ALWAYS_ACTIVE_DBFS
        if loud:
            self._hangover_frames = int(HANGOVER_S * 1000 / FRAME_MS)
        else:
            self._hangover_frames = max(0, self._hangover_frames - 1)
        return loud or self._hangover_frames > 0


def noise_level_dbfs(audio: Audio) -> int:
    """The level that a silent chunk is announced with: −127 (digital silence) to 0 dBFS."""
    power = float(np.mean(np.square(audio, dtype=np.float64))) if len(audio) else 0.0
    if power <= 0:
        return DIGITAL_SILENCE_DBFS
    return int(np.clip(round(10 * np.log10(power)), DIGITAL_SILENCE_DBFS, 0))


class ActivityRecord:
    """Remembers which stretches of a stream held voice, until they are asked for."""

    def __init__(self) -> None:
        self._stretches: deque[tuple[int, bool]] = deque()

    def add(self, stop: int, active: bool) -> None:
        """Take whether there was voice from the last stretch's end up to the sample `stop`."""
        self._stretches.append((stop, active))

    def within(self, start: int, stop: int) -> bool:
        """Whether a stretch that lies, or begins, in these samples held voice; what ends before them is forgotten."""
        while self._stretches and self._stretches[0][0] <= start:
            self._stretches.popleft()
        begin = start
        for end, active in self._stretches:
            if begin >= stop:
                return False
            if active:
                return True
            begin = end
        return False
