"""What the console shows at one moment: the engines' snapshots, frozen, taken together."""

from dataclasses import dataclass

from net.telemetry.stats import Event, Role, StreamStats


@dataclass(frozen=True, slots=True, eq=False)
class EngineView:
    """One engine at one moment: `ended` says that it no longer runs, `error` what ended it."""

    index: int
    role: Role
    title: str = ""
    streams: tuple[StreamStats, ...] = ()
    ended: bool = False
    error: str = ""

    def stream(self, stream_id: str) -> StreamStats | None:
        """The stream of that name, or the newest one that runs, or the newest one; None where there is none."""
        chosen = [stream for stream in self.streams if stream.stream_id == stream_id]
        running = [stream for stream in self.streams if not stream.state.is_final]
        return next(reversed(chosen or running or self.streams), None)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """All engines at one moment."""

    engines: tuple[EngineView, ...] = ()
    epoch_s: float = 0.0
    """When they were read, in seconds since 1970."""

    @property
    def running_streams(self) -> int:
        """How many streams quitting would break off; both ends of one stream count once."""
        running = [engine for engine in self.engines if not engine.ended]
        return len({stream.stream_id for each in running for stream in each.streams if not stream.state.is_final})


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An engine's event, with the engine it came from."""

    engine: int
    event: Event
