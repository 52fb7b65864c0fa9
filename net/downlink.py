"""One connection to the receiver: HELLO to END, with feedback and pings on the way."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from typing import TypeAlias

from net.admission import Visit
from net.clock import Clock
from net.errors import (
    ConnectionLost,
    HandshakeFailed,
    LinkError,
    LocalProtocolError,
    PeerNotTrusted,
    ProtocolError,
    RemoteProtocolError,
)
from net.events import EventLog
from net.guard import Guard, known_as
from net.limits import LimitExceeded
from net.link import Link
from net.messages import Accept, Chunk, End, Feedback, Hello, Ping, Pong, Refuse, RefuseCode
from net.meters import RateMeter
from net.pipeline import PipelineStopped
from net.protocol import ReceiverProtocol
from net.refusal import Refusal
from net.session import StreamSession
from net.stats import LinkState
from net.wire import TcpSocket, shown_address

FEEDBACK_INTERVAL_S = 0.2
PING_INTERVAL_S = 5.0
FIRST_PINGS_S = (0.0, 0.5, 1.5)
LINGER_S = 2.0

Received: TypeAlias = Hello | Chunk | End | Ping | Pong


class Downlink:
    """Serves one connection, in the thread that calls `run`; reports to its sender from a second one."""

    def __init__(
        self,
        connection: socket.socket,
        visit: Visit,
        *,
        clock: Clock,
        events: EventLog,
        receiver_name: str,
        window_chunks: int,
        handshake_s: float,
        guard: Guard | None,
        open_session: Callable[[Hello, "Downlink"], StreamSession],
    ) -> None:
        self._clock, self._events = clock, events
        self._receiver_name, self._window_chunks = receiver_name, window_chunks
        self._open_session = open_session
        self._guard = guard
        self._handshake_s = handshake_s
        self._deadline_s = clock.monotonic_s() + handshake_s
        self.visit = visit
        self._protocol = ReceiverProtocol()
        self._received = RateMeter("wire", clock)
        self._tcp = TcpSocket(connection)
        self._link: Link[Received] | None = None
        self.peer = shown_address(self._tcp)
        """The other end, for people."""
        self.fingerprint: str | None = None
        """What the other end has proved over TLS."""
        self._session: StreamSession | None = None
        self._waiting = True
        self._closed_for = ""
        self._last_ping: Ping | None = None
        self._ended = threading.Event()

    @property
    def waits_for_hello(self) -> bool:
        """Whether no HELLO has come yet."""
        return self._waiting and not self._ended.is_set()

    def run(self) -> None:
        """Serve the connection to its end. Raises nothing that its peer can cause."""
        with self.visit:
            try:
                self._serve()
            except (Refusal, LinkError) as error:
                self._end(error)
            except PipelineStopped:
                self._refuse_failed()
            finally:
                self._waiting = False
                self._ended.set()
                self._hang_up()

    def refuse(self, code: RefuseCode, reason: str) -> None:
        """End the connection with a reason, if it can still carry one."""
        link = self._link
        self._ended.set()
        if link is None:
            return
        with contextlib.suppress(ConnectionLost, LocalProtocolError):  # the peer is gone, or was told already
            link.send(lambda: self._protocol.refuse(Refuse(code, reason)))
        link.finish_writing()

    def finish(self, reason: str) -> None:
        """Have the sender stop, unless its stream is at its end anyway."""
        if self._link is None:
            self.close()  # it is still shaking hands
        elif self._session is None or not self._session.end_taken:
            self.refuse("policy", reason)

    def close(self, reason: str = "the receiver was stopped") -> None:
        """Close the connection and wake its threads; `reason` is for the log."""
        self._closed_for = reason
        self._ended.set()
        (self._link or self._tcp).close()

    def _end(self, error: Refusal | LinkError) -> None:
        """Tell the peer and the log why the connection is over."""
        session = self._session
        match error:
            case Refusal():
                self._events.warning(f"{self.peer} refused: {error.reason}")
                self.refuse(error.code, error.reason)
                if session is not None:
                    session.close_early(error.reason)
            case RemoteProtocolError():
                self.visit.report_fault()
                self._events.warning(f"{self.peer} broke the protocol: {error}")
                self.refuse("limit" if isinstance(error, LimitExceeded) else "protocol", str(error))
                self._detach(f"broke the protocol: {error}")
            case PeerNotTrusted():
                self.visit.report_fault()
                self._events.warning(str(error))
                self.refuse("policy", f"the receiver does not know the fingerprint {self.fingerprint}")
            case HandshakeFailed():
                self.visit.report_fault()
                self._events.warning(f"{self.peer}: {error}")
            case LocalProtocolError():
                self._detach("the receiver was stopped")  # `finish` was faster than the answer to HELLO
            case _ if session is None:
                if self._clock.monotonic_s() >= self._deadline_s:
                    self.visit.report_fault()
                self._events.info(f"{self.peer} went away before a stream began: {self._closed_for or error}")
            case _:
                self._detach(str(error))

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.hang_up()
        else:
            self._tcp.close()

    def _serve(self) -> None:
        link = self._begin_link()
        hello = self._await_hello(link)
        session = self._open_session(hello, self)
        self._session = session
        accept = Accept(session.resume_index, self._receiver_name, self._window_chunks)
        link.send(lambda: self._protocol.accept(accept))
        session.begin()
        reporter = threading.Thread(target=self._report, args=(session, link), name=f"receiver-report-{self.peer}")
        reporter.start()
        try:
            self._take_stream(session, link)
        finally:
            self._ended.set()
            reporter.join(LINGER_S)

    def _begin_link(self) -> Link[Received]:
        """Shake hands where TLS is asked for, and judge the peer."""
        tls = self._guard.accept(self._tcp, self._handshake_s) if self._guard else None
        link: Link[Received] = Link(
            tls or self._tcp,
            self._protocol,
            clock=self._clock,
            sent=RateMeter("sent", self._clock),
            received=self._received,
        )
        self._link = link
        if self._ended.is_set():  # `close` came when there was no link yet
            raise ConnectionLost("the receiver was stopped")
        if self._guard and tls:
            self.peer, self.fingerprint = known_as(tls, self.peer), tls.peer_fingerprint
            asked_s = self._clock.monotonic_s()
            self._guard.judge_sender(tls)
            self._deadline_s += self._clock.monotonic_s() - asked_s  # a person's time is not the peer's
        return link

    def _await_hello(self, link: Link[Received]) -> Hello:
        messages = link.receive(self._handshake_s, self._deadline_s)
        if not messages:
            raise ConnectionLost("the receiver was stopped")
        self._waiting = False
        hello = messages[0]
        assert isinstance(hello, Hello)
        return hello

    def _take_stream(self, session: StreamSession, link: Link[Received]) -> None:
        counted_bytes = 0
        while True:
            messages = link.receive()
            if not messages:
                return  # it was refused
            counted_bytes = self._count_wire(session, counted_bytes)
            for message in messages:
                self._take(message, session, link)
            if self._protocol.hello is not None and session.ended:
                return

    def _count_wire(self, session: StreamSession, counted_bytes: int) -> int:
        total_bytes = self._received.stats().total_bytes
        session.meters.wire.add(total_bytes - counted_bytes)
        return total_bytes

    def _take(self, message: Received, session: StreamSession, link: Link[Received]) -> None:
        match message:
            case Chunk():
                if session.intake is not None:
                    session.intake.take(message)
                session.take_chunk(message)
            case End():
                if session.intake is not None:
                    session.intake.take_end(message)
                session.take_end(message)
            case Pong():
                session.take_pong(message)
                if self._last_ping is not None and message.id == self._last_ping.id:
                    session.known_finished.set()
            case Ping():
                now_s = self._clock.epoch_s()
                pong = Pong(message.id, message.sent_s, now_s, self._clock.epoch_s())
                link.send(lambda: self._protocol.send_pong(pong))
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

    def _report(self, session: StreamSession, link: Link[Received]) -> None:
        """Send feedback and pings until the stream or the connection is over."""
        numbers = itertools.count()
        began_s = self._clock.monotonic_s()
        next_ping_s = began_s
        try:
            while not self._ended.is_set():
                now_s = self._clock.monotonic_s()
                if now_s >= next_ping_s:
                    ping = session.make_ping(next(numbers))
                    link.send(lambda ping=ping: self._protocol.send_ping(ping))  # type: ignore[misc]
                    next_ping_s = began_s + _next_ping_delay_s(now_s - began_s)
                feedback = session.feedback()
                if feedback.finished:
                    self._say_finished(feedback, session.make_ping(next(numbers)), link)
                    return
                link.send(lambda feedback=feedback: self._protocol.send_feedback(feedback))  # type: ignore[misc]
                if session.error is not None:
                    self._refuse_failed()
                    return
                session.wait(FEEDBACK_INTERVAL_S)
        except (ConnectionLost, ProtocolError):
            link.close()

    def _say_finished(self, feedback: Feedback, ping: Ping, link: Link[Received]) -> None:
        """Tell that all is saved, with a ping whose answer tells that this was heard."""
        self._last_ping = ping

        def say() -> None:
            self._protocol.send_feedback(feedback)
            self._protocol.send_ping(ping)

        link.send(say)


def _next_ping_delay_s(passed_s: float) -> float:
    """The first answers come soon, since latencies need the clock's offset; then seldom, since they cost bytes."""
    for delay_s in FIRST_PINGS_S:
        if delay_s > passed_s:
            return delay_s
    return passed_s + PING_INTERVAL_S
