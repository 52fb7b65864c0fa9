"""What all stages of one stream share."""

import threading
from dataclasses import dataclass

from net.runtime.clock import Clock
from net.telemetry.events import EventLog
from net.telemetry.status import StreamStatus
from net.telemetry.stream_meters import StreamMeters


@dataclass(frozen=True, slots=True)
class StreamContext:
    """The clock, the stream's events, state and meters, and the event that tells its stages to end."""

    clock: Clock
    events: EventLog
    status: StreamStatus
    meters: StreamMeters
    stopping: threading.Event
