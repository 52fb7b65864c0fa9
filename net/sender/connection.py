"""The sender's link: packets from the window go out, acknowledgements come back, over connection after connection."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from codec.chunks.packed import PackedChunk
from net.errors import ConnectionLost, LocalProtocolError, ProtocolError, StreamRefused
from net.protocol.messages import End, Feedback, Hello, Ping, Pong, Refuse
from net.protocol.state_machine import SenderProtocol
from net.runtime.clock import Clock
from net.sender.connecting import (
    ATTEMPT_TIMEOUT_S,
    FIRST_BACKOFF_S,
    LONGEST_BACKOFF_S,
    AcceptedConnection,
    Connector,
    ConnectSettings,
    Received,
)
from net.sender.send_buffer import SendBuffer
from net.telemetry.events import EventLog
from net.telemetry.meters import DurationMeter, RateMeter
from net.telemetry.stats import LinkState
from net.telemetry.status import StreamStatus
from net.transport.connection import Connection
from net.transport.security.peer_verifier import PeerVerifier

STALLED_S = 300.0
"""A receiver that acknowledges nothing for so long, while its acknowledgement is waited for, is stuck."""
FAREWELL_S = 1.0
"""For the ping that comes after "finished": its answer tells the receiver that this was heard."""


class SenderConnection:
    """Sends what the window holds, over as many connections as it takes, until the receiver says that all is saved."""

    def __init__(
        self,
        settings: ConnectSettings,
        window: SendBuffer,
        *,
        clock: Clock,
        stopping: threading.Event,
        status: StreamStatus,
        events: EventLog,
        on_feedback: Callable[[Feedback], None],
        on_sent: Callable[[int, float, int, bool], None],
        on_accept: Callable[[float, float], None],
        fit: Callable[[PackedChunk], PackedChunk],
    ) -> None:
        self._window, self._clock, self._stopping = window, clock, stopping
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
        self._reconnect_timeout_s = settings.reconnect_timeout_s
        self.address = self.peer = settings.address
        """Who the stream goes to, for people."""
        self._connector = Connector(
            settings, clock=clock, stopping=stopping, events=events, sent=self.wire, received=self.received
        )
        self._lost: BaseException | None = None
        self._finished = self._farewell_answered = False
        self._progress = 0, 0.0
        """What was acknowledged, and when that changed, or when nothing had to."""
        self._over = threading.Event()

    @property
    def secure(self) -> bool:
        """Whether everything goes over TLS."""
        return self._connector.guard is not None

    def secure_with(self, guard: PeerVerifier) -> None:
        """Make the connections secure; call it before `run`."""
        self._connector.guard = guard

    def run(self, hello: Hello, end: Callable[[], End]) -> None:
        """Carry the stream to its end. Raises `ConnectError`, `StreamRefused`, `ConnectionLost` or `ProtocolError`."""
        rest_s, fruitless_since_s = 0.0, float("inf")
        try:
            while True:
                connection = self._connector.connect(hello, again=self.accepted.is_set())
                self._begin(connection)
                acknowledged = self._window.acknowledged
                try:
                    self._carry(connection, end)
                    return
                except ConnectionLost as error:
                    lost = error
                now_s = self._clock.monotonic_s()
                if self._window.acknowledged > acknowledged:
                    rest_s, fruitless_since_s = 0.0, now_s
                else:
                    rest_s = min(max(2 * rest_s, FIRST_BACKOFF_S), LONGEST_BACKOFF_S)
                    fruitless_since_s = min(fruitless_since_s, now_s)
                self._bear(lost, now_s - fruitless_since_s)
                self._clock.wait(self._stopping, rest_s)  # a receiver that accepts and then fails is not hammered
                self._connector.check_stopped()
        finally:
            self.close()

    def _bear(self, lost: ConnectionLost, fruitless_s: float) -> None:
        """Tell of a lost connection; raise it where for long all were lost before anything was acknowledged."""
        if fruitless_s > self._reconnect_timeout_s:
            raise ConnectionLost(
                f"{self.address} accepts the stream again and again, but has acknowledged nothing for "
                f"{fruitless_s:.0f} s; the last time {lost}: look what the receiver says"
            ) from lost
        self._events.warning(f"connection lost: {lost}", "")
        self._status.set(LinkState.RECONNECTING, str(lost))

    def close(self) -> None:
        """Close the connection and wake whoever waits for it."""
        self._connector.close()
        self._over.set()

    def _begin(self, connection: AcceptedConnection) -> None:
        accept, again = connection.accept, self.accepted.is_set()
        self.peer = connection.peer
        self._on_accept(connection.answer_s, connection.connect_s)
        self._lost = None
        self._finished = self._farewell_answered = False
        self._over.clear()
        self._progress = self._window.acknowledged, self._clock.monotonic_s()
        self._window.in_flight_limit = accept.window_chunks
        self._window.rewind(accept.next_chunk)
        self._events.info(
            f"{'resumed' if again else 'accepted'} by {accept.receiver or 'the receiver'} at {self.peer}, "
            f"from chunk {accept.next_chunk}"
        )
        self._status.set(LinkState.STREAMING)
        self.wire.start()
        if not again:
            self.first_chunk = accept.next_chunk
        self.accepted.set()

    def _carry(self, connection: AcceptedConnection, end: Callable[[], End]) -> None:
        link, protocol = connection.link, connection.protocol
        listener = threading.Thread(target=self._listen, args=(connection,), name="sender-listen")
        listener.start()
        try:
            self._send_all(link, protocol, end)
            self._await_finish()
        finally:
            link.close()
            listener.join(ATTEMPT_TIMEOUT_S)

    def _send_all(self, link: Connection[Received], protocol: SenderProtocol, end: Callable[[], End]) -> None:
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
        self._connector.check_stopped()
        if not self._finished:
            self._raise_lost()

    def _raise_lost(self) -> None:
        self._connector.check_stopped()
        raise self._lost or ConnectionLost("the connection ended")

    def _listen(self, connection: AcceptedConnection) -> None:
        link, protocol = connection.link, connection.protocol
        try:
            for message in connection.early:
                self._take(message, link, protocol)
            while not self._finished:
                for message in link.receive():
                    self._take(message, link, protocol)
                self._check_progress()
            self._take_farewell(link, protocol)
        except (ConnectionLost, ProtocolError, StreamRefused) as error:
            self._lost = error
        finally:
            if not self._finished:
                self._window.interrupt()  # whatever it was: the sending thread must not wait for a dead connection
            self._over.set()

    def _check_progress(self) -> None:
        now_s, acknowledged = self._clock.monotonic_s(), self._window.acknowledged
        if acknowledged != self._progress[0] or not self._window.is_held_up:
            self._progress = acknowledged, now_s
        elif now_s - self._progress[1] > STALLED_S:
            raise ConnectionLost(f"the receiver answers, but has acknowledged nothing for {STALLED_S:.0f} s")

    def _take_farewell(self, link: Connection[Received], protocol: SenderProtocol) -> None:
        deadline_s = self._clock.monotonic_s() + FAREWELL_S
        while not self._farewell_answered:
            for message in link.receive(FAREWELL_S, deadline_s):
                self._take(message, link, protocol)

    def _take(self, message: Received, link: Connection[Received], protocol: SenderProtocol) -> None:
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
