"""What a receiver sends over one connection: feedback, pings, and in the end that all is saved."""

import itertools
import threading
from typing import Final

from msgspec.structs import replace

from net.protocol.messages import Feedback, Ping
from net.receiver.incoming_stream import IncomingStream
from net.receiver.snapshot import feedback
from net.runtime.clock import Clock
from net.transport.connection import Connection, MessageT

FEEDBACK_INTERVAL_S: Final = 0.2
PING_INTERVAL_S: Final = 5.0
FIRST_PINGS_S: Final = (0.0, 0.5, 1.5)
FAREWELL_S: Final = 5.0
"""How long a sender has to confirm that it has heard that all is saved."""


class Reporter:
    """Reports on a stream over one connection, in one thread, until the stream or the connection is over (`ended`)."""

    def __init__(self, stream: IncomingStream, clock: Clock, ended: threading.Event) -> None:
        self._stream, self._clock, self._ended = stream, clock, ended
        self._numbers = itertools.count()
        self._last: Feedback | None = None
        self._final_ping: Ping | None = None

    def run(self, link: Connection[MessageT]) -> None:
        """Send feedback and pings. Raises `ConnectionLost` and `ProtocolError`."""
        began_s = next_ping_s = self._clock.monotonic_s()
        while not self._ended.is_set():
            now_s = self._clock.monotonic_s()
            if now_s >= next_ping_s:
                link.send(self._stream.clock_sync.ping(next(self._numbers)))
                next_ping_s = began_s + _next_ping_delay_s(now_s - began_s)
            ended = self._stream.ended  # read first: what ends meanwhile has its last word still to come
            message = feedback(self._stream)
            if message.finished:
                self._finish(message, link)
                return
            if self._is_news(message):
                news, self._last = self._without_old_latencies(message), message
                link.send(news)
            if ended or self._stream.error is not None:
                return
            self._stream.wait(FEEDBACK_INTERVAL_S)

    def is_final_pong(self, number: int) -> bool:
        """Whether the PONG of this number confirms that the sender has heard that all is saved."""
        return self._final_ping is not None and number == self._final_ping.id

    def _is_news(self, message: Feedback) -> bool:
        """Whether it says more than the one before: each costs a slow link a packet, and another for its answer."""
        return self._last is None or _counts(message) != _counts(self._last)

    def _without_old_latencies(self, message: Feedback) -> Feedback:
        """The message with latencies only where a chunk was decoded or heard since the last one."""
        decoded, played = (self._last.decoded, self._last.played) if self._last else (0, 0)
        if message.decoded == decoded:
            message = replace(message, decoded_latency_ms=None, round_trip_ms=None)
        return message if message.played > played else replace(message, heard_latency_ms=None)

    def _finish(self, message: Feedback, link: Connection[MessageT]) -> None:
        """Send that all is saved, and a ping whose answer confirms that this was heard; await that answer."""
        ping = self._final_ping = self._stream.clock_sync.ping(next(self._numbers))
        link.send(self._without_old_latencies(message), ping)
        if not self._clock.wait(self._ended, FAREWELL_S):
            link.close()


def _counts(message: Feedback) -> tuple[int, ...]:
    counts = (message.received, message.decoded, message.played, message.acknowledged, message.lost)
    return (*counts, message.queue_depth, message.min_streams)


def _next_ping_delay_s(passed_s: float) -> float:
    """The first answers come soon, since latencies need the clock's offset; then seldom, since they cost bytes."""
    return next((delay_s for delay_s in FIRST_PINGS_S if delay_s > passed_s), passed_s + PING_INTERVAL_S)
