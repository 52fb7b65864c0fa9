"""Excess delay: how much more sound than its target a live jitter buffer has held for a while."""

from net.runtime.sliding_window import SlidingWindow

NEGLIGIBLE_MS = 60.0
"""Not worth a cut: what jitter and drift add for a while."""
WINDOW_S = 1.0
FEWEST_ARRIVALS = 4
PATIENCE_S = 2.0
"""How long a pause is waited for before the excess is cut out wherever it is."""


class ExcessDelay:
    """How far the least reserve (sound left at an arrival) of the last second is beyond the target."""

    def __init__(self) -> None:
        self._reserves_ms: SlidingWindow[float] = SlidingWindow(WINDOW_S, fewest=FEWEST_ARRIVALS)
        self.reset()

    def reset(self) -> None:
        """Forget all reserves: the depth has jumped."""
        self._reserves_ms.clear()
        self._elapsed_s = self._lasted_s = self._removed_ms = 0.0

    def observe(self, reserve_ms: float, target_ms: float, elapsed_s: float) -> None:
        """Add the reserve at an arrival, `elapsed_s` of played time after the arrival before it."""
        self._elapsed_s += elapsed_s
        self._reserves_ms.add(reserve_ms + self._removed_ms, self._elapsed_s)
        self._lasted_s = self._lasted_s + elapsed_s if self.excess_ms(target_ms) else 0.0

    def excess_ms(self, target_ms: float) -> float:
        """What is beyond the target; 0 where that is negligible or not known yet."""
        if len(self._reserves_ms) < FEWEST_ARRIVALS or self._elapsed_s < WINDOW_S:
            return 0.0
        excess_ms = min(self._reserves_ms) - self._removed_ms - target_ms
        return excess_ms if excess_ms >= NEGLIGIBLE_MS else 0.0

    @property
    def is_urgent(self) -> bool:
        """Whether the excess has lasted for so long that no pause is waited for any more."""
        return self._lasted_s >= PATIENCE_S

    def remove(self, length_ms: float) -> None:
        """Subtract what was cut out of the buffer from the reserves observed so far."""
        self._removed_ms += length_ms
