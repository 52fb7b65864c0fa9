"""One connection to the receiver: HELLO to END, with feedback and pings on the way."""

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

from codec.chunks.packed import PackedChunk
from net.errors import (
    ConnectionLost,
    HandshakeFailed,
    LinkError,
    LocalProtocolError,
    PeerNotTrusted,
    ProtocolError,
    RemoteProtocolError,
)
from net.protocol.limits import LimitExceeded
from net.protocol.messages import Accept, End, Hello, Ping, Pong, Refusal, Refuse, RefuseCode
from net.protocol.state_machine import FromSender, ReceiverProtocol
from net.receiver.connection_limiter import ConnectionSlot
from net.receiver.context import ReceiverContext
from net.receiver.incoming_stream import IncomingStream
from net.receiver.reporter import Reporter
from net.runtime.queues import PipelineStopped
from net.telemetry.meters import RateMeter
from net.telemetry.stats import Severity
from net.transport.connection import Connection
from net.transport.security.peer_verifier import PeerVerifier, peer_label
from net.transport.socket_transport import SocketTransport, shown_address

if TYPE_CHECKING:
    from net.receiver.stream_registry import StreamRegistry

LINGER_S = 2.0
REFUSE_TIMEOUT_S = 1.0
"""For a peer that does not read why it has to go."""

logger = logging.getLogger(__name__)


class ReceiverConnection:
    """Serves one connection, in the thread that calls `run`; reports to its sender from a second one."""

    def __init__(
        self,
        connection: socket.socket,
        slot: ConnectionSlot,
        context: ReceiverContext,
        registry: "StreamRegistry",
        verifier: PeerVerifier | None,
        *,
        handshake_s: float,
    ) -> None:
        self.slot, self._context, self._registry, self._verifier = slot, context, registry, verifier
        self._clock, self._handshake_s = context.clock, handshake_s
        self._deadline_s = self._clock.monotonic_s() + handshake_s
        self._received = RateMeter("wire", self._clock)
        self._socket_buffer_bytes = connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._tcp = SocketTransport(connection, self._clock, RateMeter("sent", self._clock), self._received)
        self._link: Connection[FromSender] | None = None
        self.peer = shown_address(self._tcp)
        """The other end, for people."""
        self.fingerprint: str | None = None
        """What the other end has proved over TLS."""
        self._stream: IncomingStream | None = None
        self._awaits_hello = True
        self._close_reason = ""
        self._ended = threading.Event()

    @property
    def can_make_room(self) -> bool:
        """Whether no stream needs its slot: no HELLO has come yet, or it was refused and is being closed."""
        refused = self._stream is None and self._ended.is_set()
        return not self.slot.is_free and (self._awaits_hello or refused)

    def run(self) -> None:
        """Serve the connection to its end. Raises nothing."""
        with self.slot:
            try:
                self._serve()
            except PipelineStopped:
                self._refuse_failed()
            except (Refusal, LinkError) as error:
                self._end(error)
            except Exception as error:  # the thread's top level: whatever it was is shown at both ends
                logger.exception("the connection with %s failed", self.peer)
                self._fail(error)
            finally:
                self._ended.set()
                self._hang_up()

    def refuse(self, code: RefuseCode, reason: str, timeout_s: float = REFUSE_TIMEOUT_S) -> None:
        """End the connection with a reason, if it can still carry one within `timeout_s`."""
        link = self._link
        self._ended.set()
        if link is None:
            return
        with contextlib.suppress(ConnectionLost, ProtocolError):  # the peer is gone, or was refused already
            link.send(Refuse(code, reason), timeout_s=timeout_s)
        link.send_eof()

    def stop(self, reason: str) -> None:
        """Refuse to serve the sender further, unless its stream is at its end anyway; returns at once."""
        if self._link is None:
            self.close()  # it is still shaking hands
        elif self._stream is None:
            self.refuse("busy", reason, 0.0)
        elif not self._stream.end_received:
            self.refuse("policy", reason, 0.0)

    def close(self, reason: str = "the receiver was stopped") -> None:
        """Close the connection and wake its threads; `reason` is for the log."""
        self._close_reason = reason
        self._ended.set()
        (self._link or self._tcp).close()

    def _end(self, error: Refusal | LinkError) -> None:
        """Report to the peer and to the log why the connection is over."""
        stream = self._stream
        match error:
            case Refusal():
                self._warn("refused", f"{self.peer} refused: {error.reason}")
                self.refuse(error.code, error.reason)
                if stream is not None:
                    stream.close(error.reason)
            case RemoteProtocolError():
                self.slot.report_fault()
                self._warn("broken", f"{self.peer} broke the protocol: {error}")
                self.refuse("limit" if isinstance(error, LimitExceeded) else "protocol", str(error))
                if stream is not None:
                    stream.close(f"its sender broke the protocol: {error}", self)
            case PeerNotTrusted():
                self.slot.report_fault()
                self._warn("unknown", str(error))
                self.refuse("policy", f"the receiver does not know the fingerprint {self.fingerprint}")
            case HandshakeFailed():
                self.slot.report_fault()
                self._warn("handshake", f"{self.peer}: {error}")
            case LocalProtocolError():
                self._detach("the receiver was stopped")  # `stop` was faster than the answer to HELLO
            case ConnectionLost() if stream is None:
                if self._clock.monotonic_s() >= self._deadline_s:
                    self.slot.report_fault()
                reason = self._close_reason or error
                self._warn("gone", f"{self.peer} went away before a stream began: {reason}", Severity.INFO)
            case ConnectionLost():
                self._detach(str(error))
            case _:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Report an error of this program: in full to the log, to the peer only that there is one."""
        self._warn("failed", f"{self.peer} cannot be served: {error}", Severity.ERROR)
        if self._stream is not None:
            self._stream.fail(error)
        self.refuse("internal", "the receiver failed; its log tells why")

    def _warn(self, what: str, text: str, severity: Severity = Severity.WARNING) -> None:
        self._context.throttle.add(severity, what, self.slot.address, text)

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.lingering_close()
        else:
            self._tcp.close()

    def _serve(self) -> None:
        link = self._begin_link()
        hello = self._await_hello(link)
        stream = self._stream = self._registry.open(hello, self)
        link.send(Accept(stream.resume_index, socket.gethostname(), stream.window_chunks))
        stream.context.meters.set(socket_buffer_bytes=self._socket_buffer_bytes)
        stream.mark_streaming(self)
        reporter = Reporter(stream, link, self._clock, self._ended)
        thread = threading.Thread(target=self._report, args=(reporter,), name=f"receiver-report-{self.peer}")
        thread.start()
        try:
            self._receive_stream(stream, link, reporter)
        finally:
            self._ended.set()
            thread.join(LINGER_S)

    def _report(self, reporter: Reporter) -> None:
        stream = reporter.stream
        try:
            reporter.run()
        except (ConnectionLost, ProtocolError):
            self.close()
        except Exception as error:  # the thread's top level: whatever it was ends the stream and is shown
            logger.exception("reporting to %s failed", self.peer)
            stream.fail(error)
        if stream.error is not None:
            self._refuse_failed()

    def _begin_link(self) -> Connection[FromSender]:
        """Shake hands where TLS is asked for, and judge the peer."""
        tls = self._verifier.accept(self._tcp, self._handshake_s) if self._verifier else None
        link: Connection[FromSender] = Connection(tls or self._tcp, ReceiverProtocol(), self._clock)
        self._link = link
        if self._ended.is_set():  # `close` came when there was no link yet
            raise ConnectionLost("the receiver was stopped")
        if self._verifier and tls:
            self.peer, self.fingerprint = peer_label(tls, self.peer), tls.peer_fingerprint
            asked_s = self._clock.monotonic_s()
            self._verifier.verify_sender(tls)
            self._deadline_s += self._clock.monotonic_s() - asked_s  # a person's time is not the peer's
        return link

    def _await_hello(self, link: Connection[FromSender]) -> Hello:
        messages = link.receive(self._handshake_s, self._deadline_s)
        if not messages:
            raise ConnectionLost("the receiver was stopped")
        self._awaits_hello = False
        hello = messages[0]
        assert isinstance(hello, Hello)
        if self._has_left():  # it may have waited for long, and no stream should then wait for it
            raise ConnectionLost("it closed the connection before it was accepted")
        return hello

    def _has_left(self) -> bool:
        try:
            return self._tcp.peer_has_left()
        except OSError:
            return True

    def _receive_stream(self, stream: IncomingStream, link: Connection[FromSender], reporter: Reporter) -> None:
        counted_bytes = 0
        while messages := link.receive():  # none once it was refused
            total_bytes = self._received.stats().total_bytes
            stream.context.meters.wire.add(total_bytes - counted_bytes)
            counted_bytes = total_bytes
            for message in messages:
                match message:
                    case PackedChunk():
                        stream.receive_chunk(message)
                    case End():
                        stream.receive_end(message)
                    case Pong():
                        reporter.receive_pong(message)
                    case Ping():
                        link.send(message.answer(self._clock.epoch_s()))
                    case Hello():
                        pass  # the protocol admits one only
            if stream.ended and (stream.finish_confirmed.is_set() or not stream.complete):
                return  # not before: of what is still on its way, the last is the answer that confirms

    def _detach(self, reason: str) -> None:
        stream = self._stream
        if stream is not None and stream.detach(self, reason):
            text = f"{stream.hello.name}: connection lost ({reason}), waiting for it"
            self._context.throttle.add(Severity.WARNING, "lost", stream.stream_id, text, stream.stream_id)

    def _refuse_failed(self) -> None:
        stream = self._stream
        reason = str(stream.error) if stream is not None and stream.error else "the receiver was stopped"
        self.refuse("internal", reason)
