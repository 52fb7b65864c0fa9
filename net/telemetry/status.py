"""The state of one stream, as its engine knows it, and the moment it began."""

import threading

from net.runtime.clock import Clock
from net.telemetry.stats import LinkState
from net.text import printable

MAX_REASON_CHARS = 2000


class StreamStatus:
    """State, reason and time on air of one stream; may be used from any thread. A final state stays."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = LinkState.CONNECTING
        self._reason = ""
        self._paused = False
        self._on_air_from_s: float | None = None
        self._ended_s: float | None = None

    def set(self, state: LinkState, reason: str = "") -> bool:
        """Enter a state and tell whether it was open; the first time that is streaming starts the time on air."""
        with self._lock:
            if self._state.is_final:
                return False
            self._state, self._reason = state, printable(reason, MAX_REASON_CHARS)
            now_s = self._clock.monotonic_s()
            if state is LinkState.STREAMING and self._on_air_from_s is None:
                self._on_air_from_s = now_s
            if state.is_final:
                self._ended_s = now_s
            return True

    def set_paused(self, paused: bool) -> None:
        """Pause or go on; shown only while streaming."""
        with self._lock:
            self._paused = paused

    @property
    def state(self) -> LinkState:
        """The state to show."""
        with self._lock:
            if self._paused and self._state is LinkState.STREAMING:
                return LinkState.PAUSED
            return self._state

    @property
    def reason(self) -> str:
        """Why the state is what it is, where that needs explaining."""
        with self._lock:
            return self._reason

    @property
    def on_air_s(self) -> float:
        """Seconds since the stream was accepted, until it ended."""
        with self._lock:
            if self._on_air_from_s is None:
                return 0.0
            end_s = self._clock.monotonic_s() if self._ended_s is None else self._ended_s
            return end_s - self._on_air_from_s


def eta_s(audio_s: float, total_s: float | None, on_air_s: float) -> float | None:
    """Seconds until the end at the pace so far; None where the length or the pace is not known."""
    if not total_s or audio_s <= 0 or on_air_s <= 0:
        return None
    return max(0.0, (total_s - audio_s) * on_air_s / audio_s)
