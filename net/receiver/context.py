"""What all parts of one receiver share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from net.runtime.clock import Clock
from net.settings import ReceiverSettings
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.events import EventLog

if TYPE_CHECKING:
    from codec import Codec
    from net.receiver.sinks.pipe import PipeOutput


@dataclass(frozen=True, slots=True)
class ReceiverContext:
    """A receiver's settings, clock, events and model.

    `throttle` takes the events that peers can cause again and again; `codec` loads the model when it is first called;
    `output` is the pipe that gets the sound of one stream after another.
    """

    settings: ReceiverSettings
    clock: Clock
    events: EventLog
    throttle: EventThrottle
    codec: "Callable[[], Codec]"
    output: "PipeOutput | None" = None
