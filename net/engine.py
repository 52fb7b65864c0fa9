"""The interface of an engine to the console and the headless runner: snapshots and events out, intents in."""

from abc import ABC, abstractmethod

from net.runtime.pipeline import Pipeline
from net.telemetry.events import EventLog
from net.telemetry.stats import Event, StreamStats
from net.transport.security.trust_questions import TrustQuestions


class Engine(ABC):
    """A sender or a receiver. All methods may be called from any thread; none but `stop` and `wait` blocks."""

    def __init__(self, pipeline: Pipeline, events: EventLog, questions: TrustQuestions | None) -> None:
        self._pipeline, self._events, self._questions = pipeline, events, questions or TrustQuestions()
        pipeline.on_abort(self._questions.stop)

    @property
    @abstractmethod
    def title(self) -> str:
        """One line for the console: "→ localhost:8888" or "listening on localhost:8888"."""

    @abstractmethod
    def start(self) -> None:
        """Start the engine's threads. Raises `EscError` where it cannot start at all."""

    @abstractmethod
    def request_stop(self) -> None:
        """Ask the engine to end in order: what was read is still sent, decoded and saved. Returns at once."""

    @abstractmethod
    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        """End the engine now, wherever it is; return the names of threads that outlived the deadline."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the engine has ended by itself; return whether it has."""
        return self._pipeline.ended.wait(timeout_s)

    @property
    def error(self) -> BaseException | None:
        """The first error that ended the engine, if one did."""
        return self._pipeline.error

    @abstractmethod
    def snapshots(self) -> tuple[StreamStats, ...]:
        """One snapshot a stream, oldest stream first; a sender has exactly one."""

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        """The events numbered `sequence` and above that are still kept (the last 10,000)."""
        return self._events.since(sequence)

    @abstractmethod
    def set_paused(self, paused: bool) -> None:
        """Pause or resume (a sender stops reading and sending; a receiver stops playing)."""

    @abstractmethod
    def set_muted(self, muted: bool) -> None:
        """Send silence (sender), or play silence (receiver)."""

    def set_enhanced(self, enhanced: bool) -> None:  # noqa: B027 - a receiver enhances nothing
        """Enhance what is sent, or send it as it is; a receiver, and a sender that cannot enhance, ignore it."""

    def set_volume(self, volume: float) -> None:  # noqa: B027 - a sender plays nothing
        """Set the playback volume, 0 to 2; a sender ignores it."""

    def set_num_streams(self, num_streams: int) -> None:  # noqa: B027 - at a receiver the sender decides
        """Use so many streams from the next chunk on, within what HELLO promised; a receiver ignores it."""
