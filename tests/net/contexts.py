"""What the stages of one stream share, for tests of a single stage."""

import threading

from net.runtime.clock import Clock
from net.telemetry.events import EventLog
from net.telemetry.status import StreamStatus
from net.telemetry.stream_context import StreamContext
from net.telemetry.stream_meters import StreamMeters


def sender_context(clock: Clock) -> StreamContext:
    meters = StreamMeters(clock, 16000, "encode", ("encoded", "sent", "decoded", "heard"))
    return StreamContext(clock, EventLog(clock), StreamStatus(clock), meters, threading.Event(), clock.epoch_s())
