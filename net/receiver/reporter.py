"""What a receiver tells the sender of one connection: feedback, pings, and in the end that all is saved."""

import itertools
import threading
from collections.abc import Callable
from typing import Final

from net.errors import ConnectionLost, ProtocolError
from net.protocol.messages import Feedback, Ping
from net.protocol.state_machine import ReceiverProtocol
from net.receiver.incoming_stream import IncomingStream
from net.runtime.clock import Clock
from net.transport.connection import Connection, MessageT

FEEDBACK_INTERVAL_S: Final = 0.2
PING_INTERVAL_S: Final = 5.0
FIRST_PINGS_S: Final = (0.0, 0.5, 1.5)
FAREWELL_S: Final = 5.0
"""How long a sender has to answer that it knows that all is saved."""


class Reporter:
    """Reports on a session over one connection, in a thread of its own, until either is over (`ended`)."""

    def __init__(
        self,
        session: IncomingStream,
        protocol: ReceiverProtocol,
        *,
        clock: Clock,
        ended: threading.Event,
        on_failure: Callable[[], None],
    ) -> None:
        self._session, self._protocol, self._clock = session, protocol, clock
        self._ended, self._on_failure = ended, on_failure
        self._numbers = itertools.count()
        self._last_ping: Ping | None = None
        self._told: tuple[int, ...] = ()

    def run(self, link: Connection[MessageT]) -> None:
        """Send feedback and pings until the stream or the connection is over."""
        began_s = self._clock.monotonic_s()
        next_ping_s = began_s
        try:
            while not self._ended.is_set():
                now_s = self._clock.monotonic_s()
                if now_s >= next_ping_s:
                    ping = self._next_ping()
                    link.send(lambda ping=ping: self._protocol.send_ping(ping))  # type: ignore[misc]
                    next_ping_s = began_s + _next_ping_delay_s(now_s - began_s)
                feedback = self._session.feedback()
                if feedback.finished:
                    self._say_finished(feedback, link)
                    return
                if self._is_news(feedback):
                    link.send(lambda feedback=feedback: self._protocol.send_feedback(feedback))  # type: ignore[misc]
                if self._session.error is not None:
                    self._on_failure()
                    return
                self._session.wait(FEEDBACK_INTERVAL_S)
        except (ConnectionLost, ProtocolError):
            link.close()

    def _is_news(self, feedback: Feedback) -> bool:
        """Whether it says more than the one before: each costs a slow link a packet, and another for its answer."""
        counted = (feedback.received, feedback.decoded, feedback.played, feedback.acknowledged, feedback.lost)
        told, self._told = self._told, (*counted, feedback.queue_depth, feedback.min_streams)
        return told != self._told

    def answers_the_last(self, number: int) -> bool:
        """Whether the answer to ping `number` tells that the sender has heard that all is saved."""
        return self._last_ping is not None and number == self._last_ping.id

    def _say_finished(self, feedback: Feedback, link: Connection[MessageT]) -> None:
        """Tell that all is saved, with a ping whose answer tells that this was heard, and await that answer."""
        ping = self._last_ping = self._next_ping()

        def say() -> None:
            self._protocol.send_feedback(feedback)
            self._protocol.send_ping(ping)

        link.send(say)
        if not self._clock.wait(self._ended, FAREWELL_S):
            link.close()

    def _next_ping(self) -> Ping:
        return self._session.make_ping(next(self._numbers))


def _next_ping_delay_s(passed_s: float) -> float:
    """The first answers come soon, since latencies need the clock's offset; then seldom, since they cost bytes."""
    for delay_s in FIRST_PINGS_S:
        if delay_s > passed_s:
            return delay_s
    return passed_s + PING_INTERVAL_S
