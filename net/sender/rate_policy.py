"""How many streams a link carries: fewer as soon as it falls behind, one more at a time while it is calm."""

from typing import Final

from net.runtime.clock import Clock

BEHIND_S: Final = 0.5
"""This far beyond the usual delay, the link carries less than it is given."""
CALM_S: Final = 0.3
"""Less than this beyond the usual delay is the noise of a healthy link; between the two nothing changes."""
STEP_DOWN_INTERVAL_S: Final = 0.25
FIRST_WAIT_S: Final = 1.5
"""How long calm has to last before a step up that never failed."""
LONGEST_WAIT_S: Final = 60.0
PROBATION_S: Final = 8.0
"""A step down so soon after a step up means that the step up failed."""
FORGIVEN_S: Final = 20.0
"""A number of streams that has held for so long is as good as new."""


class RatePolicy:
    """Chooses the number of streams from how far the link is behind; pure but for the clock that it reads."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._clock = clock
        self.most, self.least = most, 1
        self.num_streams = most
        """What the link carries, as far as is known."""
        self.patience_s = 0.0
        """What a lost packet may cost: a link that is behind by no more than this beyond `BEHIND_S` may carry all."""
        now_s = clock.monotonic_s()
        self._calm_since_s: float | None = now_s
        self._up_s = self._changed_s = float("-inf")
        self._tried = most
        self._wait_s: dict[int, float] = {}

    def update(self, behind_s: float, carried: int) -> int:
        """Take that the link is `behind_s` beyond its usual delay and has lately carried so many streams."""
        now_s = self._clock.monotonic_s()
        self.num_streams = max(min(self.least, self.most), min(self.num_streams, self.most))
        if behind_s >= BEHIND_S + self.patience_s:
            self._calm_since_s = None
            if now_s - self._changed_s >= STEP_DOWN_INTERVAL_S and self._step_down(
                now_s, min(self.num_streams // 2, carried)
            ):
                self._learn(now_s)
        elif behind_s >= BEHIND_S:
            self._calm_since_s = None
            if now_s - self._changed_s >= self.patience_s + STEP_DOWN_INTERVAL_S:
                self._step_down(now_s, self.num_streams - 1)
        elif behind_s > CALM_S:
            self._calm_since_s = None
        else:
            self._stay_or_step_up(now_s)
        return self.num_streams

    def begin_low(self) -> int:
        """Begin with half, since the link looks slow from the start."""
        self.num_streams = max(min(self.least, self.most), min(self.num_streams, -(-self.most // 2)))
        self._calm_since_s = None
        return self.num_streams

    def _step_down(self, now_s: float, wanted: int) -> bool:
        """Use fewer streams; tell whether fewer were possible."""
        fewer = max(min(self.least, self.most), wanted)
        if fewer >= self.num_streams:
            return False
        self.num_streams, self._changed_s = fewer, now_s
        return True

    def _learn(self, now_s: float) -> None:
        """Take that the link cannot carry what was tried last, if that was lately."""
        if now_s - self._up_s < PROBATION_S:
            self._wait_s[self._tried] = min(LONGEST_WAIT_S, 2 * self._wait_s.get(self._tried, FIRST_WAIT_S))
        self._up_s = float("-inf")

    def _stay_or_step_up(self, now_s: float) -> None:
        if self._calm_since_s is None:
            self._calm_since_s = now_s
        calm_s = now_s - self._calm_since_s
        if calm_s >= FORGIVEN_S:
            self._wait_s.pop(self.num_streams, None)
        above = self.num_streams + 1
        if above <= self.most and calm_s >= self._wait_s.get(above, FIRST_WAIT_S):
            self.num_streams = self._tried = above
            self._changed_s = self._up_s = now_s
            self._calm_since_s = now_s
