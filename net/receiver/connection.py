"""One connection to the receiver: HELLO to END, with feedback and pings on the way."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import TypeAlias

from codec.chunks.packed import PackedChunk
from net.errors import (
    ConnectionLost,
    HandshakeFailed,
    KnownPeersError,
    LinkError,
    LocalProtocolError,
    PeerNotTrusted,
    ProtocolError,
    RemoteProtocolError,
)
from net.protocol.limits import LimitExceeded
from net.protocol.messages import Accept, End, Hello, Ping, Pong, Refuse, RefuseCode
from net.protocol.refusal import Refusal
from net.protocol.state_machine import ReceiverProtocol
from net.receiver.connection_limiter import ConnectionSlot
from net.receiver.incoming_stream import IncomingStream
from net.receiver.reporter import Reporter
from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.meters import RateMeter
from net.telemetry.stats import Severity
from net.transport.connection import Connection
from net.transport.security.peer_verifier import PeerVerifier, peer_label
from net.transport.socket_transport import SocketTransport, shown_address

LINGER_S = 2.0
REFUSE_TIMEOUT_S = 1.0
"""For a peer that does not read why it has to go."""

Received: TypeAlias = Hello | PackedChunk | End | Ping | Pong


class ReceiverConnection:
    """Serves one connection, in the thread that calls `run`; reports to its sender from a second one."""

    def __init__(
        self,
        connection: socket.socket,
        visit: ConnectionSlot,
        *,
        clock: Clock,
        repeats: EventThrottle,
        receiver_name: str,
        window_chunks: int,
        handshake_s: float,
        guard: PeerVerifier | None,
        open_session: Callable[[Hello, "ReceiverConnection"], IncomingStream],
    ) -> None:
        self._clock, self._repeats = clock, repeats
        self._receiver_name, self._window_chunks = receiver_name, window_chunks
        self._open_session = open_session
        self._guard = guard
        self._handshake_s = handshake_s
        self._deadline_s = clock.monotonic_s() + handshake_s
        self.visit = visit
        self._protocol = ReceiverProtocol()
        self._received = RateMeter("wire", clock)
        self._tcp = SocketTransport(connection, clock, RateMeter("sent", clock), self._received)
        self._link: Connection[Received] | None = None
        self.peer = shown_address(self._tcp)
        """The other end, for people."""
        self.fingerprint: str | None = None
        """What the other end has proved over TLS."""
        self._session: IncomingStream | None = None
        self._waiting = True
        self._closed_for = ""
        self._reporter: Reporter | None = None
        self._ended = threading.Event()

    @property
    def can_make_room(self) -> bool:
        """Whether it holds a place that no stream needs: no HELLO has come yet, or it is only being told why not."""
        told_why_not = self._session is None and self._ended.is_set()
        return not self.visit.over and (self._waiting or told_why_not)

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
                self._ended.set()
                self._hang_up()

    def refuse(self, code: RefuseCode, reason: str, timeout_s: float = REFUSE_TIMEOUT_S) -> None:
        """End the connection with a reason, if it can still carry one within `timeout_s`."""
        link = self._link
        self._ended.set()
        if link is None:
            return
        with contextlib.suppress(ConnectionLost, ProtocolError):  # the peer is gone, or was told already
            link.send(lambda: self._protocol.refuse(Refuse(code, reason)), timeout_s)
        link.send_eof()

    def finish(self, reason: str) -> None:
        """Have the sender stop, unless its stream is at its end anyway; waits for nobody."""
        if self._link is None:
            self.close()  # it is still shaking hands
        elif self._session is None:
            self.refuse("busy", reason, 0.0)
        elif not self._session.end_taken:
            self.refuse("policy", reason, 0.0)

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
                self._complain("refused", f"{self.peer} refused: {error.reason}")
                self.refuse(error.code, error.reason)
                if session is not None:
                    session.close_early(error.reason)
            case RemoteProtocolError():
                self.visit.report_fault()
                self._complain("broken", f"{self.peer} broke the protocol: {error}")
                self.refuse("limit" if isinstance(error, LimitExceeded) else "protocol", str(error))
                if session is not None:
                    session.abandon(self, f"its sender broke the protocol: {error}")
            case PeerNotTrusted():
                self.visit.report_fault()
                self._complain("unknown", str(error))
                self.refuse("policy", f"the receiver does not know the fingerprint {self.fingerprint}")
            case KnownPeersError():
                self._complain("unverified", f"{self.peer} refused: {error}", Severity.ERROR)
                self.refuse("internal", "the receiver cannot check this sender's fingerprint: see what it reports")
            case HandshakeFailed():
                self.visit.report_fault()
                self._complain("handshake", f"{self.peer}: {error}")
            case LocalProtocolError():
                self._detach("the receiver was stopped")  # `finish` was faster than the answer to HELLO
            case _ if session is None:
                if self._clock.monotonic_s() >= self._deadline_s:
                    self.visit.report_fault()
                went = f"{self.peer} went away before a stream began: {self._closed_for or error}"
                self._complain("gone", went, Severity.INFO)
            case _:
                self._detach(str(error))

    def _complain(self, what: str, text: str, severity: Severity = Severity.WARNING) -> None:
        self._repeats.add(severity, what, self.visit.address, text)

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.lingering_close()
        else:
            self._tcp.close()

    def _serve(self) -> None:
        link = self._begin_link()
        hello = self._await_hello(link)
        session = self._open_session(hello, self)
        self._session = session
        accept = Accept(session.resume_index, self._receiver_name, self._window_chunks)
        link.send(lambda: self._protocol.accept(accept))
        session.begin(self)
        reporter = self._start_reporting(session, link)
        try:
            self._take_stream(session, link)
        finally:
            self._ended.set()
            reporter.join(LINGER_S)

    def _start_reporting(self, session: IncomingStream, link: Connection[Received]) -> threading.Thread:
        self._reporter = Reporter(
            session, self._protocol, clock=self._clock, ended=self._ended, on_failure=self._refuse_failed
        )
        thread = threading.Thread(target=self._reporter.run, args=(link,), name=f"receiver-report-{self.peer}")
        thread.start()
        return thread

    def _begin_link(self) -> Connection[Received]:
        """Shake hands where TLS is asked for, and judge the peer."""
        tls = self._guard.accept(self._tcp, self._handshake_s) if self._guard else None
        link: Connection[Received] = Connection(tls or self._tcp, self._protocol, self._clock)
        self._link = link
        if self._ended.is_set():  # `close` came when there was no link yet
            raise ConnectionLost("the receiver was stopped")
        if self._guard and tls:
            self.peer, self.fingerprint = peer_label(tls, self.peer), tls.peer_fingerprint
            asked_s = self._clock.monotonic_s()
            self._guard.verify_sender(tls)
            self._deadline_s += self._clock.monotonic_s() - asked_s  # a person's time is not the peer's
        return link

    def _await_hello(self, link: Connection[Received]) -> Hello:
        messages = link.receive(self._handshake_s, self._deadline_s)
        if not messages:
            raise ConnectionLost("the receiver was stopped")
        self._waiting = False
        hello = messages[0]
        assert isinstance(hello, Hello)
        return hello

    def _take_stream(self, session: IncomingStream, link: Connection[Received]) -> None:
        counted_bytes = 0
        while True:
            messages = link.receive()
            if not messages:
                return  # it was refused
            counted_bytes = self._count_wire(session, counted_bytes)
            for message in messages:
                self._take(message, session, link)
            if session.ended and (session.known_finished.is_set() or not session.complete):
                return  # not before: of what is still on its way, the last is the answer that it knows

    def _count_wire(self, session: IncomingStream, counted_bytes: int) -> int:
        total_bytes = self._received.stats().total_bytes
        session.meters.wire.add(total_bytes - counted_bytes)
        return total_bytes

    def _take(self, message: Received, session: IncomingStream, link: Connection[Received]) -> None:
        match message:
            case PackedChunk():
                if session.intake is not None:
                    session.intake.take(message)
                session.take_chunk(message)
            case End():
                if session.intake is not None:
                    session.intake.take_end(message)
                session.take_end(message)
            case Pong():
                session.take_pong(message)
                if self._reporter is not None and self._reporter.answers_the_last(message.id):
                    session.known_finished.set()
            case Ping():
                now_s = self._clock.epoch_s()
                pong = Pong(message.id, message.sent_s, now_s, self._clock.epoch_s())
                link.send(lambda: self._protocol.send_pong(pong))
            case Hello():
                pass  # the protocol admits one only

    def _detach(self, reason: str) -> None:
        session = self._session
        if session is not None and session.lose(self, reason):
            text = f"{session.hello.name}: connection lost ({reason}), waiting for it"
            self._repeats.add(Severity.WARNING, "lost", session.stream_id, text, session.stream_id)

    def _refuse_failed(self) -> None:
        session = self._session
        reason = str(session.error) if session is not None and session.error else "the receiver was stopped"
        self.refuse("internal", reason)
