"""Voice activity detection by energy, and the level of the noise between.

A frame of 20 ms is active while its level is well above the noise floor, which is the lowest smoothed level of the
last 3 s: speech pauses more often than that, noise does not. Activity begins 9 dB above the floor, ends 5 dB above
it, and lasts 200 ms longer (hangover), so that soft word endings are kept. Whatever is louder than −35 dBFS is
active, however steady (music, a horn); whatever is below −65 dBFS is not.

For sound that is not enhanced: an `Enhancer` tells voice itself, and better where noise is loud, but takes music for
silence.
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
    """Detects voice in mono sound that is pushed in blocks of any length."""

    def __init__(self, sample_rate: int) -> None:
        self._frame = sample_rate * FRAME_MS // 1000
        self._pending = np.zeros(0, np.float32)
        self._levels_dbfs: deque[float] = deque(maxlen=int(FLOOR_WINDOW_S * 1000 / FRAME_MS))
        self._hangover_frames = 0
        self.active = False
        """Whether there was voice in the newest frame, or up to 200 ms before it."""

    def push(self, audio: Audio) -> bool:
        """Add sound; return whether any of it, or of what was pending, was active."""
        pending = np.concatenate([self._pending, audio])
        count = len(pending) // self._frame
        frames = pending[: count * self._frame].reshape(count, self._frame)
        self._pending = pending[count * self._frame :]
        power = np.mean(np.square(frames - frames.mean(axis=1, keepdims=True)), axis=1) if count else np.zeros(0)
        was_active = self.active
        for level_dbfs in 10 * np.log10(power + 1e-13):
            self.active = self._is_active(float(level_dbfs))
            was_active |= self.active
        return was_active

    def _is_active(self, level_dbfs: float) -> bool:
        smoothed_dbfs = self._levels_dbfs[-1] if self._levels_dbfs else level_dbfs
        self._levels_dbfs.append(smoothed_dbfs + SMOOTHING * (level_dbfs - smoothed_dbfs))
        floor_dbfs = min(self._levels_dbfs)
        above_db = OFF_ABOVE_FLOOR_DB if self._hangover_frames else ON_ABOVE_FLOOR_DB
        loud = level_dbfs > max(floor_dbfs + above_db, NEVER_ACTIVE_DBFS) or level_dbfs > ALWAYS_ACTIVE_DBFS
        self._hangover_frames = int(HANGOVER_S * 1000 / FRAME_MS) if loud else max(0, self._hangover_frames - 1)
        return self._hangover_frames > 0


def noise_level_dbfs(audio: Audio) -> int:
    """The level of a silent chunk, for its header: −127 (digital silence) to 0 dBFS."""
    power = float(np.mean(np.square(audio, dtype=np.float64))) if len(audio) else 0.0
    if power <= 0:
        return DIGITAL_SILENCE_DBFS
    return int(np.clip(round(10 * np.log10(power)), DIGITAL_SILENCE_DBFS, 0))


class ActivityRecord:
    """Which stretches of a stream held voice, until `within` has passed them."""

    def __init__(self) -> None:
        self._stretches: deque[tuple[int, bool]] = deque()

    def add(self, stop: int, active: bool) -> None:
        """Record whether there was voice from the last stretch's end up to the sample `stop`."""
        self._stretches.append((stop, active))

    def within(self, start: int, stop: int) -> bool:
        """Return whether a stretch that lies, or begins, in these samples held voice; drop what ends before them."""
        while self._stretches and self._stretches[0][0] <= start:
            self._stretches.popleft()
        for end, active in self._stretches:
            if active:
                return True
            if end >= stop:
                return False
        return False
