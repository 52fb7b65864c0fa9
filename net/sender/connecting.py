"""How a sender connects: again and again, until a receiver accepts the stream, refuses it for good, or time is up."""

import socket
import threading
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace

from net.errors import ConnectError, ConnectionLost, HandshakeLate, PeerNotTrusted, StreamRefused
from net.protocol.messages import Accept, Feedback, Hello, Ping, Pong, Refuse
from net.protocol.state_machine import SenderProtocol
from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped
from net.telemetry.events import EventLog
from net.telemetry.meters import RateMeter
from net.transport.connection import IDLE_TIMEOUT_S, Connection
from net.transport.listening import address_text, resolvable_host
from net.transport.security.peer_verifier import PeerVerifier, peer_label
from net.transport.socket_transport import SocketTransport, Transport

FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 3.0
ATTEMPT_TIMEOUT_S = 3.0
HANDSHAKE_TIMEOUT_S = 10.0
HANDSHAKE_BPS = 3000
"""A TLS handshake takes 2 kB, and a receiver waits 10 s for HELLO: a lower rate limit holds only from HELLO on."""
ANSWER_TIMEOUT_S = 60.0
"""Of a receiver over TLS, which may have to ask a person first."""

Received: TypeAlias = Accept | Refuse | Feedback | Ping | Pong


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectSettings:
    """Where to connect, and how long to try."""

    host: str
    port: int
    connect_timeout_s: float
    reconnect_timeout_s: float
    rate_limit_bps: int | None
    send_buffer_bytes: int | None = None
    """What the system may buffer of what was sent; None: what it likes."""

    @property
    def address(self) -> str:
        """Host and port, as they were typed."""
        return address_text(self.host, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedConnection:
    """A connection on which the receiver has accepted the stream."""

    link: Connection[Received]
    protocol: SenderProtocol
    accept: Accept
    early: list[Received]
    """What came right behind the answer."""
    peer: str
    """The receiver, for people."""
    connect_s: float
    """How long it took to connect: about one round trip of an idle link."""
    answer_s: float
    """How long the receiver took to accept."""


class Connector:
    """Makes the connections of one stream, one at a time; any thread may `close` the one that is being made."""

    def __init__(
        self,
        settings: ConnectSettings,
        *,
        clock: Clock,
        stopping: threading.Event,
        events: EventLog,
        sent: RateMeter,
        received: RateMeter,
    ) -> None:
        self._settings, self._clock, self._stopping, self._events = settings, clock, stopping, events
        self._sent, self._received = sent, received
        self.guard: PeerVerifier | None = None
        """Makes the connections secure, where they should be."""
        self._person_s = 0.0
        self._borne = ""
        self._open_wires: tuple[SocketTransport | Connection[Received], ...] = ()

    def connect(self, hello: Hello, *, again: bool) -> AcceptedConnection:
        """Connect until a receiver accepts; `again`: to go on with the stream, which one has accepted before.

        Raises `ConnectError`, `ConnectionLost`, `StreamRefused`, `ProtocolError` or `PipelineStopped`.
        """
        timeout_s = self._settings.reconnect_timeout_s if again else self._settings.connect_timeout_s
        began_s = self._clock.monotonic_s()
        backoff_s = FIRST_BACKOFF_S
        self._person_s, self._borne = 0.0, ""
        while True:
            try:
                return self._open(replace(hello, resume=True) if again else hello)
            except (OSError, ConnectionLost, HandshakeLate, StreamRefused) as error:
                self.check_stopped()
                tried_s = self._clock.monotonic_s() - began_s - self._person_s
                late = tried_s + backoff_s > timeout_s
                if isinstance(error, StreamRefused):
                    self._bear(error, late=late and not again)
                if late:
                    raise self._gave_up(error, tried_s, again) from error
            self._clock.wait(self._stopping, backoff_s)
            self.check_stopped()
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def check_stopped(self) -> None:
        """Raise `PipelineStopped` if the stream is to stop."""
        if self._stopping.is_set():
            raise PipelineStopped

    def close(self) -> None:
        """Close the newest connection and wake whoever waits for it."""
        for wire in self._open_wires:
            wire.close()

    def _bear(self, refusal: StreamRefused, *, late: bool) -> None:
        """Raise a refusal, unless it may pass: then tell of it, once for as long as it lasts."""
        if late or refusal.code != "busy":
            raise refusal
        if self._borne != refusal.reason:
            self._borne = refusal.reason
            self._events.warning(f"{self._settings.address} is busy, trying again: {refusal.reason}")

    def _gave_up(self, error: BaseException, tried_s: float, again: bool) -> ConnectError | ConnectionLost:
        address = self._settings.address
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        if self._borne:
            reason = f"{reason}; before, it was busy: {self._borne}"
        if again:
            return ConnectionLost(f"the connection to {address} was lost and did not come back in {tried_s:.1f} s")
        advice = "check --host" if isinstance(error, socket.gaierror) else "is the receiver running there?"
        return ConnectError(f"cannot connect to {address} in {tried_s:.1f} s ({reason}): {advice}")

    def _open(self, hello: Hello) -> AcceptedConnection:
        began_s = self._clock.monotonic_s()
        tcp = self._dial()
        connect_s = self._clock.monotonic_s() - began_s
        protocol = SenderProtocol(hello)
        wire: Transport = tcp
        try:
            self.check_stopped()
            if self.guard:
                wire = self._secured(self.guard, tcp)
            tcp.limit_rate(self._settings.rate_limit_bps)
            link: Connection[Received] = Connection(wire, protocol, self._clock)
            self._open_wires = (link, tcp)
            self.check_stopped()
            asked_s = self._clock.monotonic_s()
            accept, early = self._handshake(link)
        except BaseException:
            wire.close()
            raise
        return AcceptedConnection(
            link=link,
            protocol=protocol,
            accept=accept,
            early=early,
            peer=peer_label(wire, link.peer),
            connect_s=connect_s,
            answer_s=self._clock.monotonic_s() - asked_s,
        )

    def _dial(self) -> SocketTransport:
        settings = self._settings
        connection = socket.create_connection(
            (resolvable_host(settings.host), settings.port), timeout=ATTEMPT_TIMEOUT_S
        )
        if settings.send_buffer_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.send_buffer_bytes)
        limit_bps = settings.rate_limit_bps and max(settings.rate_limit_bps, HANDSHAKE_BPS)
        tcp = SocketTransport(connection, self._clock, self._sent, self._received, limit_bps)
        self._open_wires = (tcp,)
        return tcp

    def _secured(self, guard: PeerVerifier, tcp: SocketTransport) -> Transport:
        """Shake hands, and judge the receiver: the time that a person takes for that is not the receiver's."""
        secured = guard.connect(tcp, HANDSHAKE_TIMEOUT_S)
        asked_s = self._clock.monotonic_s()
        guard.verify_receiver(secured, self._settings.address)
        self._person_s += self._clock.monotonic_s() - asked_s
        return secured

    def _handshake(self, link: Connection[Received]) -> tuple[Accept, list[Received]]:
        link.send(lambda: None)
        timeout_s = ANSWER_TIMEOUT_S if self.guard else IDLE_TIMEOUT_S
        messages = link.receive(timeout_s, self._clock.monotonic_s() + timeout_s)
        if not messages:
            raise ConnectionLost("the connection ended")
        answer, *early = messages
        if isinstance(answer, Refuse):
            if answer.code == "policy":
                raise PeerNotTrusted(f"the receiver does not let this sender in: {answer.reason}")
            raise StreamRefused(answer.reason, answer.code)
        assert isinstance(answer, Accept)
        return answer, early
