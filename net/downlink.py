"""One connection to the receiver: HELLO to END, with feedback and pings on the way."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from net.clock import Clock
from net.errors import ConnectionLost, LocalProtocolError, ProtocolError, RemoteProtocolError
from net.events import EventLog
from net.link import Link
from net.messages import Accept, Chunk, End, Hello, Ping, Pong, Refuse, RefuseCode
from net.meters import RateMeter
from net.pipeline import PipelineStopped
from net.protocol import ReceiverProtocol
from net.session import StreamSession
from net.stats import LinkState
from net.wire import TcpSocket

FEEDBACK_INTERVAL_S = 0.2
PING_INTERVAL_S = 5.0
FIRST_PINGS_S = (0.0, 0.5, 1.5)
LINGER_S = 2.0

Received: TypeAlias = Hello | Chunk | End | Ping | Pong


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """The receiver does not take a stream; both parts go over the wire."""

    code: RefuseCode
    reason: str


class Downlink:
    """Serves one connection, in the thread that calls `run`; reports to its sender from a second one."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        clock: Clock,
        events: EventLog,
        receiver_name: str,
        window_chunks: int,
        open_session: Callable[[Hello, "Downlink"], StreamSession],
    ) -> None:
        self._clock, self._events = clock, events
        self._receiver_name, self._window_chunks = receiver_name, window_chunks
        self._open_session = open_session
        self._protocol = ReceiverProtocol()
        self._wire = RateMeter("wire", clock)
        self._link: Link[Received] = Link(
            TcpSocket(connection), self._protocol, clock=clock, sent=RateMeter("sent", clock), received=self._wire
        )
        self.peer = self._link.peer
        self._session: StreamSession | None = None
        self._ended = threading.Event()

    def run(self) -> None:
        """Serve the connection to its end. Raises nothing that its peer can cause."""
        try:
            self._serve()
        except Refusal as refusal:
            self._events.warning(f"{self.peer} refused: {refusal.reason}")
            self.refuse(refusal.code, refusal.reason)
        except RemoteProtocolError as error:
            self._events.warning(f"{self.peer} broke the protocol: {error}")
            self.refuse("protocol", str(error))
            self._detach(f"broke the protocol: {error}")
        except ConnectionLost as error:
            if self._session is None:
                self._events.info(f"{self.peer} went away before a stream began: {error}")
            self._detach(str(error))
        except PipelineStopped:
            self._refuse_failed()
        except LocalProtocolError:
            self._detach("the receiver was stopped")  # `finish` was faster than the answer to HELLO
        finally:
            self._ended.set()
            self._link.hang_up()

    def refuse(self, code: RefuseCode, reason: str) -> None:
        """End the connection with a reason, if it can still carry one."""
        with contextlib.suppress(ConnectionLost, LocalProtocolError):  # the peer is gone, or was told already
            self._link.send(lambda: self._protocol.refuse(Refuse(code, reason)))
        self._ended.set()
        self._link.finish_writing()

    def finish(self, reason: str) -> None:
        """Have the sender stop, unless its stream is at its end anyway."""
        if self._session is None or not self._session.end_taken:
            self.refuse("policy", reason)

    def close(self) -> None:
        """Close the connection and wake its threads."""
        self._ended.set()
        self._link.close()

    def _serve(self) -> None:
        hello = self._await_hello()
        session = self._open_session(hello, self)
        self._session = session
        accept = Accept(session.resume_index, self._receiver_name, self._window_chunks)
        self._link.send(lambda: self._protocol.accept(accept))
        session.begin()
        reporter = threading.Thread(target=self._report, args=(session,), name=f"receiver-report-{self.peer}")
        reporter.start()
        try:
            self._take_stream(session)
        finally:
            self._ended.set()
            reporter.join(LINGER_S)

    def _await_hello(self) -> Hello:
        (hello, *_) = self._link.receive(self._handshake_s, self._deadline_s)
        assert isinstance(hello, Hello)
        return hello

    def _take_stream(self, session: StreamSession) -> None:
        counted_bytes = 0
        while True:
            messages = self._link.receive()
            if not messages:
                return  # it was refused
            counted_bytes = self._count_wire(session, counted_bytes)
            for message in messages:
                self._take(message, session)
            if self._protocol.hello is not None and session.ended:
                return

    def _count_wire(self, session: StreamSession, counted_bytes: int) -> int:
        total_bytes = self._wire.stats().total_bytes
        session.meters.wire.add(total_bytes - counted_bytes)
        return total_bytes

    def _take(self, message: Received, session: StreamSession) -> None:
        match message:
            case Chunk():
                session.take_chunk(message)
            case End():
                session.take_end(message)
            case Pong():
                session.take_pong(message)
            case Ping():
                now_s = self._clock.epoch_s()
                pong = Pong(message.id, message.sent_s, now_s, self._clock.epoch_s())
                self._link.send(lambda: self._protocol.send_pong(pong))
            case Hello():
                pass  # the protocol admits one only

    def _detach(self, reason: str) -> None:
        session = self._session
        if session is not None and not session.ended and not session.end_taken:
            session.status.set(LinkState.RECONNECTING, reason)
            self._events.warning(f"{session.hello.name}: connection lost ({reason}), waiting for it", session.stream_id)

    def _refuse_failed(self) -> None:
        session = self._session
        reason = str(session.error) if session is not None and session.error else "the receiver was stopped"
        self.refuse("internal", reason)

    def _report(self, session: StreamSession) -> None:
        """Send feedback and pings until the stream or the connection is over."""
        numbers = itertools.count()
        began_s = self._clock.monotonic_s()
        next_ping_s = began_s
        try:
            while not self._ended.is_set():
                now_s = self._clock.monotonic_s()
                if now_s >= next_ping_s:
                    ping = session.make_ping(next(numbers))
                    self._link.send(lambda ping=ping: self._protocol.send_ping(ping))  # type: ignore[misc]
                    next_ping_s = began_s + _next_ping_delay_s(now_s - began_s)
                feedback = session.feedback()
                self._link.send(lambda feedback=feedback: self._protocol.send_feedback(feedback))  # type: ignore[misc]
                if feedback.finished:
                    return
                if session.error is not None:
                    self._refuse_failed()
                    return
                session.wait(FEEDBACK_INTERVAL_S)
        except (ConnectionLost, ProtocolError):
            self._link.close()


def _next_ping_delay_s(passed_s: float) -> float:
    """The first answers come soon, since latencies need the clock's offset; then seldom, since they cost bytes."""
    for delay_s in FIRST_PINGS_S:
        if delay_s > passed_s:
            return delay_s
    return passed_s + PING_INTERVAL_S
