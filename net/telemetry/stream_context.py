"""What all stages of one stream share."""

import threading
from dataclasses import dataclass

from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped
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

    def raise_if_stopping(self) -> None:
        """Raise `PipelineStopped` if the stream is to end."""
        if self.stopping.is_set():
            raise PipelineStopped
