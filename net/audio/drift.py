"""Clock drift between the sender's and the device's clock, compensated by playing slightly faster or slower.

Sound that is late on a busy machine or network looks like a slow clock. But drift moves the earliest arrivals too, and
delays do not: so those are what is held in place.
"""

import numpy as np

from net.runtime.sliding_window import SlidingWindow

MAX_SPEED = 0.005
SETTLE_S = 4.0
DEAD_BAND_MS = 25.0
SMOOTH_S = 8.0
EARLIEST_WITHIN_S = 3.0
"""The earliest of the arrivals of so long a time counts."""
GAIN_PER_MS = 4e-5
INTEGRAL_PER_MS_S = 4e-7
HIGHEST_ABOVE_MS = 200.0
"""The earliest sound may leave so much more than the target: what is never needed is cut out elsewhere."""
LEARN_WITHIN_MS = 30.0
"""Drift is slow: a depth that is further off than this beyond the dead band has jumped."""
MAX_SLEW_PER_S = 0.0005
"""Speed changes by at most 0.05 % in a second, which is not heard."""


class DriftControl:
    """A PI controller of the speed that keeps the reserve (the sound left at an arrival) where it settled.

    Within ±25 ms nothing but the drift that was learned is corrected, so with equal clocks sound is played unchanged.
    """

    def __init__(self) -> None:
        self._learned = 0.0
        self._reserves_ms: SlidingWindow[float] = SlidingWindow(EARLIEST_WITHIN_S)
        self._elapsed_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Settle again after the depth has jumped. What was learned of the clocks is kept."""
        self.speed = self._learned
        """Relative speed, −0.005 to 0.005."""
        self.reserve_ms: float | None = None
        """The smoothed reserve."""
        self._earliest_ms = 0.0
        self._held_ms: float | None = None
        self._reserves_ms.clear()
        self._settled_s = 0.0

    @property
    def drift_ppm(self) -> float:
        """The drift that was learned: positive where the sender's clock runs faster than the device's."""
        return self._learned * 1e6

    def observe(self, reserve_ms: float, target_ms: float, elapsed_s: float) -> None:
        """Adapt to the reserve at an arrival, `elapsed_s` of played time after the arrival before it."""
        self._elapsed_s += elapsed_s
        self._reserves_ms.add(reserve_ms, self._elapsed_s)
        earliest_ms = max(self._reserves_ms)
        if self.reserve_ms is None:
            self.reserve_ms, self._earliest_ms = reserve_ms, earliest_ms
        weight = min(1.0, elapsed_s / min(SMOOTH_S, max(elapsed_s, self._settled_s)))
        self.reserve_ms += weight * (reserve_ms - self.reserve_ms)
        self._earliest_ms += weight * (earliest_ms - self._earliest_ms)
        self._settled_s += elapsed_s
        if self._settled_s < SETTLE_S:
            return
        low_ms, high_ms = 0.7 * target_ms, target_ms + max(HIGHEST_ABOVE_MS, target_ms)
        held_ms = self._earliest_ms if self._held_ms is None else self._held_ms
        self._held_ms = float(np.clip(held_ms, low_ms, high_ms))
        self._steer(self._earliest_ms - self._held_ms, elapsed_s)

    def _steer(self, error_ms: float, elapsed_s: float) -> None:
        beyond_ms = error_ms - _limit(error_ms, DEAD_BAND_MS)
        if abs(beyond_ms) < LEARN_WITHIN_MS:
            self._learned = _limit(self._learned + INTEGRAL_PER_MS_S * beyond_ms * elapsed_s, MAX_SPEED)
        wanted = _limit(self._learned + GAIN_PER_MS * beyond_ms, MAX_SPEED)
        self.speed += _limit(wanted - self.speed, MAX_SLEW_PER_S * elapsed_s)


def _limit(value: float, most: float) -> float:
    return max(-most, min(most, value))
