"""What a receiver sends over one connection: feedback, pings, and in the end that all is saved."""

import itertools
import threading
from typing import Final

from msgspec.structs import replace

from net.protocol.messages import Feedback, Ping, Pong
from net.protocol.state_machine import FromSender
from net.receiver.incoming_stream import IncomingStream
from net.receiver.snapshot import feedback
from net.runtime.clock import Clock
from net.transport.connection import Connection

FEEDBACK_INTERVAL_S: Final = 0.2
PING_INTERVAL_S: Final = 5.0
FIRST_PINGS_S: Final = (0.0, 0.5, 1.5)
FAREWELL_S: Final = 5.0
"""How long a sender has to confirm that it has heard that all is saved."""


class Reporter:
    """Reports on a stream over one connection, in one thread, until the stream or the connection is over (`ended`)."""

    def __init__(
        self, stream: IncomingStream, link: Connection[FromSender], clock: Clock, ended: threading.Event
    ) -> None:
        self.stream, self._link, self._clock, self._ended = stream, link, clock, ended
        self._numbers = itertools.count()
        self._last: Feedback | None = None
        self._final_ping: Ping | None = None

    def run(self) -> None:
        """Send feedback and pings. Raises `ConnectionLost` and `ProtocolError`."""
        began_s = next_ping_s = self._clock.monotonic_s()
        while not self._ended.is_set():
            now_s = self._clock.monotonic_s()
            if now_s >= next_ping_s:
                self._link.send(self.stream.clock_sync.ping(next(self._numbers)))
                next_ping_s = began_s + _next_ping_delay_s(now_s - began_s)
            ended = self.stream.ended  # read first: what ends meanwhile has its last word still to come
            message = feedback(self.stream)
            if message.finished:
                self._finish(message)
                return
            if self._is_news(message):
                news, self._last = self._without_old_latencies(message), message
                self._link.send(news)
            if ended or self.stream.error is not None:
                return
            self.stream.wait(FEEDBACK_INTERVAL_S)

    def receive_pong(self, pong: Pong) -> None:
        """Compare the clocks; the answer to the last ping confirms that the sender has heard that all is saved."""
        self.stream.clock_sync.compare(pong)
        if self._final_ping is not None and pong.id == self._final_ping.id:
            self.stream.finish_confirmed.set()

    def _is_news(self, message: Feedback) -> bool:
        """Whether it says more than the one before: each costs a slow link a packet, and another for its answer."""
        return self._last is None or _counts(message) != _counts(self._last)

    def _without_old_latencies(self, message: Feedback) -> Feedback:
        """The message with latencies only where a chunk was decoded or heard since the last one."""
        decoded, played = (self._last.decoded, self._last.played) if self._last else (0, 0)
        if message.decoded == decoded:
            message = replace(message, decoded_latency_ms=None, round_trip_ms=None)
        return message if message.played > played else replace(message, heard_latency_ms=None)

    def _finish(self, message: Feedback) -> None:
        """Send that all is saved, and a ping whose answer confirms that this was heard; await that answer."""
        ping = self._final_ping = self.stream.clock_sync.ping(next(self._numbers))
        self._link.send(self._without_old_latencies(message), ping)
        if not self._clock.wait(self._ended, FAREWELL_S):
            self._link.close()


def _counts(message: Feedback) -> tuple[int, ...]:
    counts = (message.received, message.decoded, message.played, message.acknowledged, message.lost)
    return (*counts, message.queue_depth, message.min_streams)


def _next_ping_delay_s(passed_s: float) -> float:
    """The first answers come soon, since latencies need the clock's offset; then seldom, since they cost bytes."""
    return next((delay_s for delay_s in FIRST_PINGS_S if delay_s > passed_s), passed_s + PING_INTERVAL_S)
