"""Connecting: again and again, until a receiver accepts the stream, refuses it for good, or time is up."""

import socket
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace

from net.errors import ConnectError, ConnectionLost, HandshakeLate, PeerNotTrusted, StreamRefused
from net.protocol.messages import Accept, Feedback, Hello, Ping, Pong, Refuse
from net.protocol.state_machine import SenderProtocol
from net.settings import SenderSettings
from net.telemetry.meters import RateMeter
from net.telemetry.stream_context import StreamContext
from net.transport.connection import IDLE_TIMEOUT_S, Connection
from net.transport.listening import address_text, resolvable_host
from net.transport.security.peer_verifier import PeerVerifier, peer_label
from net.transport.socket_transport import SocketTransport, Transport

FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 3.0
ATTEMPT_TIMEOUT_S = 3.0
LAST_ATTEMPT_S = 1.0
"""The least that an attempt is given, also where less is left of the time to connect."""
HANDSHAKE_TIMEOUT_S = 10.0
HANDSHAKE_BPS = 3000
"""A TLS handshake takes 2 kB, and a receiver waits 10 s for HELLO: a lower rate limit holds only from HELLO on."""
ANSWER_TIMEOUT_S = 60.0
"""Of a receiver over TLS, which may have to ask a person first."""

Received: TypeAlias = Accept | Refuse | Feedback | Ping | Pong


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedConnection:
    """A connection on which the receiver has accepted the stream."""

    link: Connection[Received]
    protocol: SenderProtocol
    hello: Hello
    accept: Accept
    early: list[Received]
    """What came right behind the answer."""
    peer: str
    """The receiver, as it is shown."""
    connect_s: float
    """How long it took to connect: about one round trip of an idle link."""
    answer_s: float
    """How long the receiver took to accept."""


class Connector:
    """Makes the connections of one stream, one at a time. Any thread may close the one that is being made."""

    def __init__(self, settings: SenderSettings, context: StreamContext) -> None:
        self._settings, self._context, self._clock = settings, context, context.clock
        self._received = RateMeter("received", context.clock)
        self._judged_s = 0.0
        """How long a person has judged the receiver, which is not the receiver's time."""
        self._busy_reason = ""
        self._open_wires: tuple[SocketTransport | Connection[Received], ...] = ()

    def connect(self, hello: Hello, verifier: PeerVerifier | None, *, again: bool) -> AcceptedConnection:
        """Connect until a receiver accepts; `again` resumes a stream that one has accepted before.

        The last attempt begins when time is up. With a verifier connections are secure. Raises `ConnectError`,
        `ConnectionLost`, `StreamRefused`, `ProtocolError` or `PipelineStopped`.
        """
        timeout_s = self._settings.reconnect_timeout_s if again else self._settings.connect_timeout_s
        began_s = self._clock.monotonic_s()
        backoff_s = FIRST_BACKOFF_S
        self._judged_s, self._busy_reason = 0.0, ""
        left_s, is_last = timeout_s, not timeout_s
        while True:
            try:
                return self._open(replace(hello, resume=True) if again else hello, verifier, left_s)
            except (OSError, ConnectionLost, HandshakeLate, StreamRefused) as error:
                self._context.raise_if_stopping()
                tried_s = self._clock.monotonic_s() - began_s - self._judged_s
                late = is_last or tried_s >= timeout_s
                if isinstance(error, StreamRefused):
                    self._raise_unless_busy(error, late=late and not again)
                if late:
                    raise self._timed_out(error, tried_s, again) from error
            left_s = timeout_s - tried_s
            is_last = backoff_s >= left_s
            self._clock.wait(self._context.stopping, min(backoff_s, left_s))
            self._context.raise_if_stopping()
            left_s -= min(backoff_s, left_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def close(self) -> None:
        """Close the newest connection, which wakes the threads that wait for it."""
        for wire in self._open_wires:
            wire.close()

    def _raise_unless_busy(self, refusal: StreamRefused, *, late: bool) -> None:
        """Raise a refusal, unless it may pass: that becomes an event, once for as long as its reason lasts."""
        if late or refusal.code != "busy":
            raise refusal
        if self._busy_reason != refusal.reason:
            self._busy_reason = refusal.reason
            self._context.events.warning(f"{self._address} is busy, trying again: {refusal.reason}")

    def _timed_out(self, error: BaseException, tried_s: float, again: bool) -> ConnectError | ConnectionLost:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        if self._busy_reason:
            reason = f"{reason}; before, it was busy: {self._busy_reason}"
        if again:
            return ConnectionLost(
                f"the connection to {self._address} was lost and did not come back in {tried_s:.1f} s"
            )
        advice = "check --host" if isinstance(error, socket.gaierror) else "is the receiver running there?"
        return ConnectError(f"cannot connect to {self._address} in {tried_s:.1f} s ({reason}): {advice}")

    @property
    def _address(self) -> str:
        return address_text(self._settings.host, self._settings.port)

    def _open(self, hello: Hello, verifier: PeerVerifier | None, left_s: float) -> AcceptedConnection:
        began_s = self._clock.monotonic_s()
        tcp = self._dial(min(ATTEMPT_TIMEOUT_S, max(left_s, LAST_ATTEMPT_S)))
        connect_s = self._clock.monotonic_s() - began_s
        protocol = SenderProtocol(hello)
        wire: Transport = tcp
        try:
            self._context.raise_if_stopping()
            if verifier:
                wire = self._secured(verifier, tcp)
            tcp.limit_rate(self._settings.rate_limit_bps)
            link: Connection[Received] = Connection(wire, protocol, self._clock)
            self._open_wires = (link, tcp)
            self._context.raise_if_stopping()
            asked_s = self._clock.monotonic_s()
            accept, early = self._handshake(link, ANSWER_TIMEOUT_S if verifier else IDLE_TIMEOUT_S)
        except BaseException:
            wire.close()
            raise
        return AcceptedConnection(
            link=link,
            protocol=protocol,
            hello=hello,
            accept=accept,
            early=early,
            peer=peer_label(wire, link.peer),
            connect_s=connect_s,
            answer_s=self._clock.monotonic_s() - asked_s,
        )

    def _dial(self, timeout_s: float) -> SocketTransport:
        settings = self._settings
        connection = socket.create_connection((resolvable_host(settings.host), settings.port), timeout=timeout_s)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.socket_buffer_bytes)
        granted_bytes = connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        self._context.meters.set(socket_buffer_bytes=granted_bytes)
        limit_bps = settings.rate_limit_bps and max(settings.rate_limit_bps, HANDSHAKE_BPS)
        tcp = SocketTransport(connection, self._clock, self._context.meters.wire, self._received, limit_bps)
        self._open_wires = (tcp,)
        return tcp

    def _secured(self, verifier: PeerVerifier, tcp: SocketTransport) -> Transport:
        secured = verifier.connect(tcp, HANDSHAKE_TIMEOUT_S)
        asked_s = self._clock.monotonic_s()
        verifier.verify_receiver(secured, self._address)
        self._judged_s += self._clock.monotonic_s() - asked_s
        return secured

    def _handshake(self, link: Connection[Received], timeout_s: float) -> tuple[Accept, list[Received]]:
        link.send()
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
