"""How far a run is, and the learning rate that belongs there."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Budget:
    """Steps and minutes that one run may take, whichever end first."""

    steps: int | None = None
    minutes: float | None = None
    seconds_now: Callable[[], float] = time.monotonic
    _started_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._started_s = self.seconds_now()

    def used(self, steps_done: int) -> float:
        """Share of the budget that is used, 0 to 1; 0 for ever where there is no limit."""
        shares = [0.0]
        if self.steps is not None:
            shares.append(steps_done / self.steps if self.steps else 1.0)
        if self.minutes is not None:
            shares.append((self.seconds_now() - self._started_s) / 60 / self.minutes if self.minutes else 1.0)
        return min(1.0, max(shares))


def rate_factor(step: int, warmup_steps: int, used: float, decay: bool) -> float:
    """What the learning rates are multiplied by: warm-up, then constant, or falling to zero over a run that decays.

    The paper lets the rate fall over all of training. Here the decay is a run of its own at the end, so that how long
    training goes on need not be known, and it can go on from the checkpoint before the decay.
    """
    warm = min(1.0, (step + 1) / (warmup_steps + 1))
    return warm * (1.0 - used) if decay else warm
