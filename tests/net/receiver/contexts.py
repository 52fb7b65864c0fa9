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
