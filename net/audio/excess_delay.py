"""How much more sound than needed a live buffer holds, from how much was left when the next sound arrived."""

from collections import deque

BEYOND_MS = 60.0
"""A surplus that is not worth a cut: what jitter and drift add for a while."""
WINDOW_S = 1.0
FEWEST_ARRIVALS = 4
PATIENCE_S = 2.0
"""How long a pause is waited for before the surplus is cut out wherever it is."""


class ExcessDelay:
    """Watches the reserve at each arrival: what was left over even at the latest one of late is surplus."""

    def __init__(self) -> None:
        self._reserves_ms: deque[tuple[float, float]] = deque()
        self._lasted_s = 0.0

    def observe(self, reserve_ms: float, elapsed_s: float) -> None:
        """Take the reserve at an arrival, `elapsed_s` of played time after the arrival before it."""
        self._reserves_ms.append((reserve_ms, elapsed_s))
        self._lasted_s += elapsed_s
        while len(self._reserves_ms) > FEWEST_ARRIVALS and self._covered_s - self._reserves_ms[0][1] >= WINDOW_S:
            self._reserves_ms.popleft()

    def surplus_ms(self, target_ms: float) -> float:
        """What is beyond the target and was not needed for a while; 0 where that is little or not known yet."""
        known = len(self._reserves_ms) >= FEWEST_ARRIVALS and self._covered_s >= WINDOW_S
        surplus_ms = min(reserve for reserve, _ in self._reserves_ms) - target_ms if known else 0.0
        if surplus_ms < BEYOND_MS:
            self._lasted_s = 0.0
            return 0.0
        return surplus_ms

    @property
    def is_urgent(self) -> bool:
        """Whether the surplus has lasted for so long that no pause is waited for any more."""
        return self._lasted_s >= PATIENCE_S

    def left_out(self, length_ms: float) -> None:
        """Take that so much was left out."""
        self._reserves_ms = deque((reserve - length_ms, elapsed) for reserve, elapsed in self._reserves_ms)

    def reset(self) -> None:
        """Begin anew: the reserve has jumped."""
        self._reserves_ms.clear()
        self._lasted_s = 0.0

    @property
    def _covered_s(self) -> float:
        return sum(elapsed for _, elapsed in self._reserves_ms)
