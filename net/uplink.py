"""The sender's connection: made, kept, made again. It takes packets from the window and gives acknowledgements back."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from msgspec.structs import replace

from net.clock import Clock
from net.errors import (
    ConnectError,
    ConnectionLost,
    HandshakeLate,
    LocalProtocolError,
    PeerNotTrusted,
    ProtocolError,
    StreamRefused,
)
from net.events import EventLog
from net.link import IDLE_TIMEOUT_S, Link
from net.messages import Accept, Chunk, End, Feedback, Hello, Ping, Pong, Refuse
from net.meters import DurationMeter, RateMeter
from net.pipeline import PipelineStopped
from net.protocol import SenderProtocol
from net.security.guard import Guard, known_as
from net.stats import LinkState
from net.status import StreamStatus
from net.window import SendWindow
from net.wire import TcpSocket, Wire

FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 3.0
ATTEMPT_TIMEOUT_S = 3.0
HANDSHAKE_TIMEOUT_S = 10.0
FAREWELL_S = 1.0
"""For the ping that comes after "finished": its answer tells the receiver that this was heard."""
ANSWER_TIMEOUT_S = 60.0
"""Of a receiver over TLS, which may have to ask a person first."""

Received: TypeAlias = Accept | Refuse | Feedback | Ping | Pong


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """Where to connect, and how long to try."""

    host: str
    port: int
    connect_timeout_s: float
    reconnect_timeout_s: float
    rate_limit_bps: int | None
    send_buffer_bytes: int | None = None
    """What the system may buffer of what was sent; None: what it likes."""


class Uplink:
    """Sends what the window holds, over as many connections as it takes, until the receiver says that all is saved."""

    def __init__(
        self,
        settings: UplinkSettings,
        window: SendWindow,
        *,
        clock: Clock,
        stopping: threading.Event,
        status: StreamStatus,
        events: EventLog,
        on_feedback: Callable[[Feedback], None],
        on_sent: Callable[[int, float, int, bool], None],
        on_accept: Callable[[float], None],
        fit: Callable[[Chunk], Chunk],
    ) -> None:
        self._settings, self._window = settings, window
        self._clock, self._stopping = clock, stopping
        self._status, self._events = status, events
        self._on_feedback, self._on_sent, self._fit = on_feedback, on_sent, fit
        self._on_accept = on_accept
        self.wire = RateMeter("wire", clock, starts_itself=False)
        """What is sent; its average covers the time since a receiver has accepted, as that of the payload does."""
        self.received = RateMeter("received", clock)
        self.send_durations = DurationMeter("send", clock)
        self.accepted = threading.Event()
        """Set when a receiver has accepted the stream for the first time."""
        self.first_chunk = 0
        """Where the first receiver that accepted wants the stream to begin."""
        self.address = f"{settings.host}:{settings.port}"
        self.peer = self.address
        """Who the stream goes to, for people."""
        self.guard: Guard | None = None
        """Makes the connections secure, where they should be."""
        self._asked_s = 0.0
        self._borne = ""
        self._tcp: TcpSocket | None = None
        self._link: Link[Received] | None = None
        self._protocol: SenderProtocol | None = None
        self._lost: BaseException | None = None
        self._early: list[Received] = []
        self._finished = self._farewell_answered = False
        self._over = threading.Event()

    @property
    def secure(self) -> bool:
        """Whether everything goes over TLS."""
        return self.guard is not None

    def run(self, hello: Hello, end: Callable[[], End]) -> None:
        """Carry the stream to its end. Raises `ConnectError`, `StreamRefused`, `ConnectionLost` or `ProtocolError`."""
        rest_s = 0.0
        try:
            while True:
                self._connect(hello)
                acknowledged = self._window.acknowledged
                try:
                    self._carry(end)
                    return
                except ConnectionLost as error:
                    self._events.warning(f"connection lost: {error}", "")
                    self._status.set(LinkState.RECONNECTING, str(error))
                served = self._window.acknowledged > acknowledged
                rest_s = 0.0 if served else min(max(2 * rest_s, FIRST_BACKOFF_S), LONGEST_BACKOFF_S)
                self._clock.wait(self._stopping, rest_s)  # a receiver that accepts and then fails is not hammered
                self._check_stopped()
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection and wake whoever waits for it."""
        for wire in (self._link, self._tcp):
            if wire is not None:
                wire.close()
        self._over.set()

    def _connect(self, hello: Hello) -> None:
        again = self.accepted.is_set()
        timeout_s = self._settings.reconnect_timeout_s if again else self._settings.connect_timeout_s
        deadline_s = self._clock.monotonic_s() + timeout_s
        backoff_s = FIRST_BACKOFF_S
        self._asked_s, self._borne = 0.0, ""
        while True:
            try:
                self._open(hello, resume=again)
                return
            except (OSError, ConnectionLost, HandshakeLate, StreamRefused) as error:
                self._check_stopped()
                late = self._clock.monotonic_s() + backoff_s > deadline_s + self._asked_s
                if isinstance(error, StreamRefused):
                    self._bear(error, late=late and not again)
                if late:
                    raise self._gave_up(error, timeout_s, again) from error
            self._clock.wait(self._stopping, backoff_s)
            self._check_stopped()
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def _bear(self, refusal: StreamRefused, *, late: bool) -> None:
        """Raise a refusal, unless it may pass: then tell of it, once for as long as it lasts."""
        if late or refusal.code != "busy":
            raise refusal
        if self._borne != refusal.reason:
            self._borne = refusal.reason
            self._events.warning(f"{self.address} is busy, trying again: {refusal.reason}")

    def _gave_up(self, error: BaseException, timeout_s: float, again: bool) -> ConnectError | ConnectionLost:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        if self._borne:
            reason = f"{reason}; before, it was busy: {self._borne}"
        if again:
            return ConnectionLost(f"the connection to {self.address} was lost and did not come back in {timeout_s:g} s")
        return ConnectError(
            f"cannot connect to {self.address} within {timeout_s:g} s ({reason}): is the receiver running there?"
        )

    def _open(self, hello: Hello, *, resume: bool) -> None:
        address = (self._settings.host, self._settings.port)
        connection = socket.create_connection(address, timeout=ATTEMPT_TIMEOUT_S)
        if self._settings.send_buffer_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._settings.send_buffer_bytes)
        tcp = self._tcp = TcpSocket(connection)
        protocol = SenderProtocol(_resuming(hello) if resume else hello)
        wire: Wire = tcp
        try:
            self._check_stopped()
            if self.guard:
                wire = self._secured(self.guard, tcp)
            link: Link[Received] = Link(
                wire,
                protocol,
                clock=self._clock,
                sent=self.wire,
                received=self.received,
                rate_limit_bps=self._settings.rate_limit_bps,
            )
            self._link, self._protocol = link, protocol
            self._check_stopped()
            accept = self._handshake(link)
        except BaseException:
            wire.close()
            raise
        self.peer = known_as(wire, link.peer)
        self._begin(accept)

    def _secured(self, guard: Guard, tcp: TcpSocket) -> Wire:
        """Shake hands, and judge the receiver: the time that a person takes for that is not the receiver's."""
        secured = guard.connect(tcp, HANDSHAKE_TIMEOUT_S)
        asked_s = self._clock.monotonic_s()
        guard.judge_receiver(secured, self.address)
        self._asked_s += self._clock.monotonic_s() - asked_s
        return secured

    def _handshake(self, link: Link[Received]) -> Accept:
        asked_s = self._clock.monotonic_s()
        link.send(lambda: None)
        timeout_s = ANSWER_TIMEOUT_S if self.guard else IDLE_TIMEOUT_S
        messages = link.receive(timeout_s, self._clock.monotonic_s() + timeout_s)
        if not messages:
            raise ConnectionLost("the connection ended")
        answer, *self._early = messages
        if isinstance(answer, Refuse):
            if answer.code == "policy":
                raise PeerNotTrusted(f"the receiver does not let this sender in: {answer.reason}")
            raise StreamRefused(answer.reason, answer.code)
        assert isinstance(answer, Accept)
        self._on_accept(self._clock.monotonic_s() - asked_s)
        return answer

    def _begin(self, accept: Accept) -> None:
        self._lost = None
        self._finished = self._farewell_answered = False
        self._over.clear()
        self._window.in_flight_limit = accept.window_chunks
        self._window.rewind(accept.next_chunk)
        verb = "resumed" if self.accepted.is_set() else "accepted"
        self._events.info(
            f"{verb} by {accept.receiver or 'the receiver'} at {self.peer}, from chunk {accept.next_chunk}"
        )
        self._status.set(LinkState.STREAMING)
        self.wire.start()
        if not self.accepted.is_set():
            self.first_chunk = accept.next_chunk
        self.accepted.set()

    def _carry(self, end: Callable[[], End]) -> None:
        link, protocol = self._link, self._protocol
        assert link is not None
        assert protocol is not None
        listener = threading.Thread(target=self._listen, args=(link, protocol), name="sender-listen")
        listener.start()
        try:
            self._send_all(link, protocol, end)
            self._await_finish()
        finally:
            link.close()
            listener.join(ATTEMPT_TIMEOUT_S)

    def _send_all(self, link: Link[Received], protocol: SenderProtocol, end: Callable[[], End]) -> None:
        while (outgoing := self._window.take()) is not None:
            chunk = outgoing.chunk
            if chunk is None:
                self._status.set(LinkState.DRAINING)
                with self._losing_in_order(protocol):
                    link.send(lambda: protocol.send_end(end()))
                return
            chunk = self._fit(chunk)
            with self.send_durations.time(), self._losing_in_order(protocol):
                link.send(lambda chunk=chunk: protocol.send_chunk(chunk))  # type: ignore[misc]
            self._on_sent(chunk.index, chunk.capture_s, len(chunk.payload), outgoing.resent)
        self._raise_lost()

    @contextmanager
    def _losing_in_order(self, protocol: SenderProtocol) -> Iterator[None]:
        """Where the listening thread saw the connection end just before something was to be sent, tell why it ended."""
        try:
            yield
        except LocalProtocolError:
            if not protocol.state.is_final:
                raise
            self._over.wait()
            self._raise_lost()

    def _await_finish(self) -> None:
        self._over.wait()
        self._check_stopped()
        if not self._finished:
            self._raise_lost()

    def _raise_lost(self) -> None:
        self._check_stopped()
        raise self._lost or ConnectionLost("the connection ended")

    def _check_stopped(self) -> None:
        if self._stopping.is_set():
            raise PipelineStopped

    def _listen(self, link: Link[Received], protocol: SenderProtocol) -> None:
        try:
            for message in self._early:
                self._take(message, link, protocol)
            while not self._finished:
                for message in link.receive():
                    self._take(message, link, protocol)
            self._take_farewell(link, protocol)
        except (ConnectionLost, ProtocolError, StreamRefused) as error:
            self._lost = error
        finally:
            if not self._finished:
                self._window.interrupt()  # whatever it was: the sending thread must not wait for a dead connection
            self._over.set()

    def _take_farewell(self, link: Link[Received], protocol: SenderProtocol) -> None:
        deadline_s = self._clock.monotonic_s() + FAREWELL_S
        while not self._farewell_answered:
            for message in link.receive(FAREWELL_S, deadline_s):
                self._take(message, link, protocol)

    def _take(self, message: Received, link: Link[Received], protocol: SenderProtocol) -> None:
        match message:
            case Feedback():
                self._window.acknowledge(message.acknowledged)
                self._on_feedback(message)
                self._finished = message.finished
            case Ping():
                now_s = self._clock.epoch_s()
                pong = Pong(message.id, message.sent_s, now_s, self._clock.epoch_s())
                link.send(lambda: protocol.send_pong(pong))
                self._farewell_answered = self._finished
            case Refuse():
                raise StreamRefused(message.reason, message.code, begun=True)
            case _:
                pass


def _resuming(hello: Hello) -> Hello:
    return replace(hello, resume=True)
