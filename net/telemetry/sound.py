"""The level, the clipping and a coarse mel spectrogram of the sound that passes."""

import threading

import numpy as np
import numpy.typing as npt

from codec.types import Audio
from net.telemetry.stats import SoundStats

COLUMN_MS = 40
BANDS = 48
KEPT_COLUMNS = 512
FLOOR_DBFS = -90.0
LOWEST_HZ = 60.0
WINDOW_SAMPLES = 1024
CLIP_LEVEL = 0.999


class SoundMeter:
    """Measures mono sound that is pushed in blocks of any length, from one thread; read from any."""

    def __init__(self, sample_rate: int) -> None:
        self._hop = sample_rate * COLUMN_MS // 1000
        self._filters = _band_filters(sample_rate)
        self._window = np.hanning(WINDOW_SAMPLES).astype(np.float32)
        self._scale = 2.0 / self._window.sum()
        self._pending = np.zeros(WINDOW_SAMPLES - self._hop, np.float32)
        self._columns = np.zeros((KEPT_COLUMNS, BANDS), np.uint8)
        self._count = 0
        self._clipped = 0
        self._level_dbfs = self._peak_dbfs = float("-inf")
        self._speech: bool | None = None
        self._input = np.zeros(0, np.float32)
        self._input_dbfs: float | None = None
        self._lock = threading.Lock()

    def push(self, audio: Audio, speech: bool | None = None) -> None:
        """Measure more sound; `speech` is the voice activity at its end, None where it is not measured."""
        if not len(audio):
            return
        peak = float(np.abs(audio).max())
        self._pending = np.concatenate([self._pending, audio])
        columns = self._new_columns()
        latest = self._pending[-self._hop :]
        with self._lock:
            self._clipped += int((np.abs(audio) >= CLIP_LEVEL).sum())
            self._level_dbfs = _dbfs(float(np.sqrt(np.mean(np.square(latest)))))
            self._peak_dbfs, self._speech = _dbfs(peak), speech
            if len(columns):
                self._columns = np.concatenate([self._columns, columns])[-KEPT_COLUMNS:]
                self._count += len(columns)

    def push_input(self, audio: Audio) -> None:
        """Measure the level of sound before it is enhanced, over as much as the level after it."""
        self._input = np.concatenate([self._input, audio])[-self._hop :]
        if len(self._input):
            self._input_dbfs = _dbfs(float(np.sqrt(np.mean(np.square(self._input)))))

    def stats(self) -> SoundStats:
        """The measures as of now."""
        with self._lock:
            kept = min(self._count, KEPT_COLUMNS)
            return SoundStats(
                level_dbfs=self._level_dbfs,
                peak_dbfs=self._peak_dbfs,
                clipped_samples=self._clipped,
                speech=self._speech,
                column_ms=COLUMN_MS,
                column_count=self._count,
                columns=self._columns[KEPT_COLUMNS - kept :],
                input_dbfs=self._input_dbfs,
            )

    def _new_columns(self) -> npt.NDArray[np.uint8]:
        count = max(0, (len(self._pending) - WINDOW_SAMPLES) // self._hop + 1)
        if not count:
            return np.zeros((0, BANDS), np.uint8)
        if not self._pending.any():  # hours of silence may come in one block
            self._pending = self._pending[count * self._hop :]
            return np.zeros((count, BANDS), np.uint8)
        frames = np.lib.stride_tricks.sliding_window_view(self._pending, WINDOW_SAMPLES)[:: self._hop][:count]
        magnitude = np.abs(np.fft.rfft(frames * self._window, axis=1)) * self._scale
        # Not `@`: BLAS would keep its threads spinning beside the codec's.
        power = np.einsum("cf,fb->cb", np.square(magnitude), self._filters)
        level_db = 20 * np.log10(np.sqrt(power) + 1e-9)
        self._pending = self._pending[count * self._hop :]
        columns: npt.NDArray[np.uint8] = np.clip((level_db - FLOOR_DBFS) * (255 / -FLOOR_DBFS), 0, 255).astype(np.uint8)
        return columns


def pitch_share(frequency_hz: float, sample_rate: int) -> float:
    """The place of a frequency in a column, from 0 (lower edge of the lowest band) to 1 (upper edge of the highest)."""
    lowest, highest = _mel(LOWEST_HZ), _mel(sample_rate / 2)
    return float((_mel(frequency_hz) - lowest) / (highest - lowest))


def _dbfs(level: float) -> float:
    return 20 * float(np.log10(level)) if level > 0 else float("-inf")


def _band_filters(sample_rate: int) -> npt.NDArray[np.float32]:
    """Assign each FFT bin to one band on the mel scale; every band has at least its nearest bin: `[bin, band]`."""
    bins_hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / sample_rate)
    edges_mel = np.linspace(_mel(LOWEST_HZ), _mel(sample_rate / 2), BANDS + 1)
    bins_mel = _mel(bins_hz)
    filters = np.zeros((len(bins_hz), BANDS), np.float32)
    for band in range(BANDS):
        inside = (bins_mel >= edges_mel[band]) & (bins_mel < edges_mel[band + 1])
        if not inside.any():
            inside[np.argmin(np.abs(bins_mel - edges_mel[band : band + 2].mean()))] = True
        filters[inside, band] = 1.0
    return filters


def _mel(frequency_hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    mel: npt.NDArray[np.float64] = 2595.0 * np.log10(1.0 + np.asarray(frequency_hz) / 700.0)
    return mel
