"""The state of one stream, as its engine knows it, and the moment it began."""

import logging
import threading
from collections.abc import Mapping

from net.runtime.clock import Clock
from net.telemetry.stats import LinkState
from net.text import printable

MAX_REASON_CHARS = 2000

logger = logging.getLogger(__name__)

ENDS = frozenset({LinkState.DONE, LinkState.FAILED})
TRANSITIONS: Mapping[LinkState, frozenset[LinkState]] = {
    LinkState.CONNECTING: ENDS | {LinkState.STREAMING, LinkState.RECONNECTING},
    LinkState.STREAMING: ENDS | {LinkState.STREAMING, LinkState.RECONNECTING, LinkState.DRAINING},
    LinkState.RECONNECTING: ENDS | {LinkState.STREAMING, LinkState.RECONNECTING, LinkState.DRAINING},
    LinkState.DRAINING: ENDS | {LinkState.STREAMING, LinkState.RECONNECTING, LinkState.DRAINING},
    LinkState.DONE: frozenset(),
    LinkState.FAILED: frozenset(),
}
"""The states that may follow each. A connection can break before ACCEPT has left or after END, and a broken one may
still hold END. `PAUSED` is never entered: it is how streaming is shown while a person has paused the stream."""


class StreamStatus:
    """State, reason and time on air of one stream. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.state = LinkState.CONNECTING
        """The state that was entered last."""
        self.reason = ""
        """Why it was entered, where that needs explaining."""
        self._on_air_from_s: float | None = None
        self._ended_s: float | None = None

    def set(self, state: LinkState, reason: str = "") -> bool:
        """Enter a state and return whether that was allowed; a refusal is logged, unless the stream has ended.

        The first time that is streaming starts the time on air.
        """
        with self._lock:
            before = self.state
            if state not in TRANSITIONS[before]:
                if not before.is_final:
                    logger.error("a stream cannot go from %s to %s (%s)", before, state, reason)
                return False
            self.state, self.reason = state, printable(reason, MAX_REASON_CHARS)
            now_s = self._clock.monotonic_s()
            if state is LinkState.STREAMING and self._on_air_from_s is None:
                self._on_air_from_s = now_s
            if state.is_final:
                self._ended_s = now_s
            return True

    @property
    def on_air_s(self) -> float:
        """Seconds since the stream was accepted, until it ended."""
        with self._lock:
            if self._on_air_from_s is None:
                return 0.0
            end_s = self._clock.monotonic_s() if self._ended_s is None else self._ended_s
            return end_s - self._on_air_from_s
