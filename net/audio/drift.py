"""Drift between the clock that makes sound and the one that plays it, held by playing a hair faster or slower.

Sound that is late on a busy machine or network looks like a slow clock. But drift moves the promptest arrivals too,
and delays do not: so those are what is held in place.
"""

from collections import deque

import numpy as np

MAX_SPEED = 0.005
SETTLE_S = 4.0
DEAD_BAND_MS = 25.0
SMOOTH_S = 8.0
PROMPT_WITHIN_S = 3.0
"""Of the arrivals of so long a time the promptest counts."""
GAIN_PER_MS = 4e-5
INTEGRAL_PER_MS_S = 4e-7
HIGHEST_ABOVE_MS = 200.0
"""The promptest sound may leave so much more than the target: what is never needed is left out elsewhere."""
LEARN_WITHIN_MS = 30.0
"""Drift is slow: a depth that is further off than this beyond the dead band has jumped."""
MAX_SLEW_PER_S = 0.0005
"""Speed changes by at most 0.05 % in a second: a bend that nobody hears."""


class DriftControl:
    """Chooses a speed that keeps the reserve (sound left when the next arrives) where it settled.

    Within ±25 ms nothing but the drift that was learned is corrected, so with equal clocks sound is played unchanged.
    """

    def __init__(self) -> None:
        self.speed = 0.0
        """Relative speed, −0.005 to 0.005."""
        self._learned = 0.0
        self._smoothed_ms: float | None = None
        self._recent_ms: deque[tuple[float, float]] = deque()
        self._prompt_ms = 0.0
        self._settled_s = 0.0
        self._held_ms: float | None = None

    @property
    def drift_ppm(self) -> float:
        """The drift that was learned: positive where the sender's clock runs faster than the device's."""
        return self._learned * 1e6

    @property
    def reserve_ms(self) -> float | None:
        """The smoothed reserve."""
        return self._smoothed_ms

    def reset(self) -> None:
        """Settle anew: the depth has jumped. What was learned of the clocks is kept."""
        self._smoothed_ms = self._held_ms = None
        self._recent_ms.clear()
        self._settled_s = 0.0
        self.speed = self._learned

    def observe(self, reserve_ms: float, target_ms: float, elapsed_s: float) -> None:
        """Take the reserve at an arrival, `elapsed_s` of played time after the arrival before it."""
        promptest_ms = self._promptest_ms(reserve_ms, elapsed_s)
        if self._smoothed_ms is None:
            self._smoothed_ms, self._prompt_ms = reserve_ms, promptest_ms
        weight = min(1.0, elapsed_s / min(SMOOTH_S, max(elapsed_s, self._settled_s)))
        self._smoothed_ms += weight * (reserve_ms - self._smoothed_ms)
        self._prompt_ms += weight * (promptest_ms - self._prompt_ms)
        self._settled_s += elapsed_s
        if self._settled_s < SETTLE_S:
            return
        low_ms, high_ms = 0.7 * target_ms, target_ms + max(HIGHEST_ABOVE_MS, target_ms)
        self._held_ms = float(np.clip(self._prompt_ms if self._held_ms is None else self._held_ms, low_ms, high_ms))
        self._steer(self._prompt_ms - self._held_ms, elapsed_s)

    def _promptest_ms(self, reserve_ms: float, elapsed_s: float) -> float:
        """The largest reserve of late."""
        self._recent_ms.append((reserve_ms, elapsed_s))
        while sum(elapsed for _, elapsed in self._recent_ms) - self._recent_ms[0][1] > PROMPT_WITHIN_S:
            self._recent_ms.popleft()
        return max(reserve for reserve, _ in self._recent_ms)

    def _steer(self, error_ms: float, elapsed_s: float) -> None:
        beyond_ms = error_ms - float(np.clip(error_ms, -DEAD_BAND_MS, DEAD_BAND_MS))
        if abs(beyond_ms) < LEARN_WITHIN_MS:
            self._learned = _limit(self._learned + INTEGRAL_PER_MS_S * beyond_ms * elapsed_s, MAX_SPEED)
        wanted = _limit(self._learned + GAIN_PER_MS * beyond_ms, MAX_SPEED)
        slew = MAX_SLEW_PER_S * elapsed_s
        self.speed += _limit(wanted - self.speed, slew)


def _limit(value: float, most: float) -> float:
    return max(-most, min(most, value))
