"""The interface of an engine to the console and the headless runner: snapshots and events out, intents in."""

from typing import Protocol

from net.telemetry.stats import Event, StreamStats


class Engine(Protocol):
    """A sender or a receiver. All methods may be called from any thread; none but `stop` and `wait` blocks."""

    @property
    def title(self) -> str:
        """One line for the console: "→ localhost:8888" or "listening on localhost:8888"."""
        ...

    def start(self) -> None:
        """Start the engine's threads. Raises `EscError` where it cannot start at all."""
        ...

    def request_stop(self) -> None:
        """Ask the engine to end in order: what was read is still sent, decoded and saved. Returns at once."""
        ...

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End the engine now, wherever it is; return the names of threads that outlived the deadline."""
        ...

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the engine has ended by itself; return whether it has."""
        ...

    @property
    def error(self) -> BaseException | None:
        """The first error that ended the engine, if one did."""
        ...

    def snapshots(self) -> tuple[StreamStats, ...]:
        """One snapshot a stream, oldest stream first; a sender has exactly one."""
        ...

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        """The events numbered `sequence` and above that are still kept (the last 10,000)."""
        ...

    def set_paused(self, paused: bool) -> None:
        """Pause or resume (a sender stops reading and sending; a receiver stops playing)."""
        ...

    def set_muted(self, muted: bool) -> None:
        """Send silence (sender), or play silence (receiver)."""
        ...

    def set_enhanced(self, enhanced: bool) -> None:
        """Enhance what is sent, or send it as it is; a receiver, and a sender that cannot enhance, ignore it."""
        ...

    def set_volume(self, volume: float) -> None:
        """Set the playback volume, 0 to 2; a sender ignores it."""
        ...

    def set_num_streams(self, num_streams: int) -> None:
        """Use so many streams from the next chunk on, within what HELLO promised; a receiver ignores it."""
        ...
