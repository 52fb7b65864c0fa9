"""The receiver's door: lets connections in, each with a downlink and its thread, or turns them away."""

import selectors
import socket
import threading
from collections.abc import Callable

from net.receiver.connection import ReceiverConnection
from net.receiver.connection_limiter import ConnectionLimiter, ConnectionSlot, Rejection
from net.receiver.rejected_connections import RejectedConnections
from net.runtime.clock import Clock
from net.settings import ConnectionLimits
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.events import EventLog
from net.telemetry.stats import Severity

CLOSE_DEADLINE_S = 2.0
OUT_OF_FILES_WAIT_S = 0.05
THREADS_A_CONNECTION = 2
"""A connection that was dropped has its thread for a moment longer."""


class Acceptor:
    """Used by the accepting thread alone. Connections that serve no stream make room for newer ones."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        limits: ConnectionLimits,
        make_downlink: Callable[[socket.socket, ConnectionSlot], ReceiverConnection],
        *,
        clock: Clock,
        events: EventLog,
        repeats: EventThrottle,
        in_words: bool,
    ) -> None:
        self._admission = ConnectionLimiter(limits, clock)
        self._make_downlink, self._clock, self._repeats = make_downlink, clock, repeats
        self._in_words = in_words
        self._never = threading.Event()
        self._dismissals = RejectedConnections(selector, clock, events)
        self._downlinks: dict[threading.Thread, ReceiverConnection] = {}

    def take(self, ready: socket.socket) -> None:
        """Take a new connection from the listener that is ready, or read what somebody turned away says."""
        if ready in self._dismissals:
            self._dismissals.take_readable(ready)
            return
        try:
            connection, address = ready.accept()
        except OSError as error:
            text = f"a connection could not be taken: {error.strerror or error}"
            self._repeats.add(Severity.WARNING, "not taken", "", text)
            self._clock.wait(self._never, OUT_OF_FILES_WAIT_S)  # it still waits at the door: do not spin
            return
        self._admit(connection, str(address[0]))

    def tend(self) -> None:
        """Forget threads that have ended, and close what was turned away."""
        self._forget_ended()
        self._dismissals.tend()

    def finish(self, reason: str) -> None:
        """Have all senders stop."""
        for downlink in self._downlinks.values():
            downlink.finish(reason)

    def close(self) -> None:
        """Close all connections and wait for their threads; those that are at their end get a moment for it."""
        self._dismissals.close()
        deadline_s = self._clock.monotonic_s() + CLOSE_DEADLINE_S
        for thread in self._downlinks:
            thread.join(max(0.0, deadline_s - self._clock.monotonic_s()))
        for thread, downlink in self._downlinks.items():
            downlink.close()
            thread.join()
        self._downlinks.clear()

    def _admit(self, connection: socket.socket, host: str) -> None:
        visit = self._admission.admit(host)
        if isinstance(visit, Rejection) and visit.crowded and self._make_room(host):
            visit = self._admission.admit(host)
        self._forget_ended()
        if isinstance(visit, Rejection):
            self._dismissals.add(connection, visit.reason, in_words=self._in_words)
        elif len(self._downlinks) >= THREADS_A_CONNECTION * self._admission.limits.max_connections:
            visit.leave()
            self._dismissals.add(connection, "too many connections come at once", in_words=self._in_words)
        else:
            self._start(connection, visit)

    def _start(self, connection: socket.socket, visit: ConnectionSlot) -> None:
        try:
            downlink = self._make_downlink(connection, visit)
            thread = threading.Thread(target=downlink.run, name=f"receiver-{downlink.peer}")
            thread.start()
        except (OSError, RuntimeError) as error:  # no file descriptor, or no thread, is left
            self._repeats.add(Severity.WARNING, "not served", "", f"a connection could not be served: {error}")
            visit.leave()
            connection.close()
            return
        self._downlinks[thread] = downlink

    def _make_room(self, host: str) -> bool:
        """Drop the oldest connection of the same address that can make room, or else any such."""
        idle = [each for each in self._downlinks.values() if each.can_make_room]
        address = self._admission.counts_as(host)
        same = [each for each in idle if each.visit.address == address]
        dropped = next(iter(same or idle), None)
        if dropped is not None:
            dropped.close("it said nothing, and made room for others")
            dropped.visit.leave()
        return dropped is not None

    def _forget_ended(self) -> None:
        self._downlinks = {thread: each for thread, each in self._downlinks.items() if thread.is_alive()}
