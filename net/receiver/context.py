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


@dataclass(frozen=True, slots=True)
class ReceiverContext:
    """A receiver's settings, clock, events and model.

    `throttle` takes the events that peers can cause again and again; `codec` loads the model when it is first called.
    """

    settings: ReceiverSettings
    clock: Clock
    events: EventLog
    throttle: EventThrottle
    codec: "Callable[[], Codec]"
