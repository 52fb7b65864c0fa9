"""The target of the jitter buffer: how much sound should be left when the next sound arrives.

The one place that decides it, from what is observed of arrivals and of the device.
"""

from net.runtime.sliding_window import SlidingWindow

GROWTH = 0.25
GROWTH_MS = 20.0
"""After an underrun the target grows by how late the sound was, but by no more than a quarter, or 20 ms."""
OUTAGE_MS = 1500.0
"""Sound that is later than this was interrupted or paused: that is no jitter."""
MAX_TARGET_MS = 1500.0
CALM_S = 30.0
SHRINK_PER_S = 0.02
JITTER_MARGIN_MS = 20.0
DEVICE_PAUSE_S = 0.25
"""A shorter pause between two pulls is a busy machine, not a device that sleeps."""
DEVICE_WINDOW_S = 30.0


class TargetDelay:
    """The target in ms: what jitter needs, and what the device takes at once.

    `jitter_ms` starts at `least_ms` and grows after underruns; after 30 s without one it shrinks again, by 2 % a
    second, to what the spread of the reserves (the sound left at each arrival) needs, or to `least_ms`.
    """

    def __init__(self, least_ms: float) -> None:
        self._least_ms = self.jitter_ms = least_ms
        self._reserves_ms: SlidingWindow[float] = SlidingWindow(2 * CALM_S)
        self._calm_s = 0.0
        self._pauses_s: SlidingWindow[float] = SlidingWindow(DEVICE_WINDOW_S)
        self._device_s = 0.0
        self.device_ms = 0.0
        """The second longest pause between pulls in the last 30 s, since one may be a chance; 0 for a steady device.

        Some sound servers sleep and then ask for seconds of sound at once.
        """

    @property
    def total_ms(self) -> float:
        """The whole target."""
        return self.jitter_ms + self.device_ms

    def observe_arrival(self, reserve_ms: float, mean_ms: float | None, elapsed_s: float) -> None:
        """Shrink if it is calm: sound arrived `elapsed_s` of played time after the last, with `reserve_ms` left.

        `mean_ms` is the smoothed reserve, None where it is not known.
        """
        self._calm_s += elapsed_s
        self._reserves_ms.add(reserve_ms, self._calm_s)
        if self._calm_s < CALM_S or self.jitter_ms <= self._least_ms:
            return
        spread_ms = max(0.0, mean_ms - min(self._reserves_ms)) if mean_ms is not None else 0.0
        needed_ms = max(self._least_ms, spread_ms + JITTER_MARGIN_MS)
        shrunk_ms = self.jitter_ms * (1 - SHRINK_PER_S * elapsed_s)
        self.jitter_ms = min(self.jitter_ms, max(needed_ms, shrunk_ms))

    def observe_underrun(self) -> None:
        """Forget all reserves: the buffer has run dry."""
        self._calm_s = 0.0
        self._reserves_ms.clear()

    def observe_late(self, late_ms: float) -> None:
        """Grow: the sound whose lack was an underrun arrived so much too late."""
        if late_ms <= OUTAGE_MS:
            growth_ms = max(GROWTH_MS, min(late_ms, self.jitter_ms * GROWTH))
            self.jitter_ms = max(self.jitter_ms, min(MAX_TARGET_MS, self.jitter_ms + growth_ms))

    def observe_pull(self, pause_s: float) -> None:
        """Adapt to the device, which pulls sound `pause_s` after its last pull."""
        self._device_s += pause_s
        if pause_s >= DEVICE_PAUSE_S:
            self._pauses_s.add(pause_s, self._device_s)
        self._pauses_s.expire(self._device_s)
        self.device_ms = sorted(self._pauses_s)[-2] * 1000 if len(self._pauses_s) > 1 else 0.0
