"""What parts of a receiver need, to be tested alone."""

from pathlib import Path

from codec.codec import Codec
from net.receiver.context import ReceiverContext
from net.runtime.clock import Clock
from net.settings import ReceiverSettings
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.events import EventLog


def make_context(folder: Path, codec: Codec, clock: Clock, **settings: object) -> ReceiverContext:
    events = EventLog(clock)
    chosen = ReceiverSettings(save_path=folder, **settings)  # type: ignore[arg-type]
    return ReceiverContext(chosen, clock, events, EventThrottle(events, clock), lambda: codec)


def texts(context: ReceiverContext) -> list[str]:
    return [event.text for event in context.events.since(0)]


class Carrier:
    """A connection that carries nothing."""

    peer, fingerprint, address = "nobody", None, "192.0.2.1"

    def __init__(self) -> None:
        self.closed = False
        self.slot = self

    def close(self, _reason: str) -> None:
        self.closed = True
