"""Accepts connections, each with its thread, or turns them away."""

import contextlib
import selectors
import socket
import threading

from net.receiver.connection import ReceiverConnection
from net.receiver.connection_limiter import ConnectionLimiter, ConnectionSlot, Rejection, counted_address
from net.receiver.context import ReceiverContext
from net.receiver.rejected_connections import RejectedConnections
from net.receiver.stream_registry import StreamRegistry
from net.settings import ConnectionLimits, ReceiverSettings
from net.telemetry.stats import Severity
from net.transport.security.peer_verifier import PeerVerifier

CLOSE_DEADLINE_S = 2.0
OUT_OF_FILES_WAIT_S = 0.05
THREADS_A_CONNECTION = 2
"""A connection that was dropped has its thread for a moment longer."""


class Acceptor:
    """Owns the listening sockets and all connections; for one thread, but for `wake`.

    Connections that serve no stream make room for newer ones.
    """

    def __init__(
        self,
        listeners: list[socket.socket],
        context: ReceiverContext,
        registry: StreamRegistry,
        verifier: PeerVerifier | None,
    ) -> None:
        self._context, self._registry, self._verifier = context, registry, verifier
        self._limits = connection_limits(context.settings)
        self._limiter = ConnectionLimiter(self._limits, context.clock)
        self._connections: dict[threading.Thread, ReceiverConnection] = {}
        self._never = threading.Event()
        with contextlib.ExitStack() as opened:
            for listener in listeners:
                opened.enter_context(listener)
            self._wake_reader, self._wake_writer = (opened.enter_context(end) for end in socket.socketpair())
            self._selector = opened.enter_context(selectors.DefaultSelector())
            for listener in listeners:
                self._selector.register(listener, selectors.EVENT_READ, self._accept)
            self._selector.register(self._wake_reader, selectors.EVENT_READ, lambda reader: reader.recv(4096))
            self._rejected = RejectedConnections(self._selector, context.clock, context.throttle)
            opened.callback(self._close_connections)
            self._closing = opened.pop_all()
        self.port: int = listeners[0].getsockname()[1]
        """The port that is listened on."""

    def wake(self) -> None:
        """End a `poll` that waits; any thread may call this."""
        with contextlib.suppress(OSError):  # it is closed, or was woken often
            self._wake_writer.send(b"\0")

    def poll(self, timeout_s: float) -> None:
        """Accept what comes within `timeout_s`, and close what was turned away and had its moment."""
        for key, _ in self._selector.select(timeout_s):
            key.data(key.fileobj)
        self._forget_ended()
        self._rejected.poll()

    def stop(self, reason: str) -> None:
        """Refuse to serve all senders further."""
        for connection in self._connections.values():
            connection.stop(reason)

    def close(self) -> None:
        """Close all connections and sockets; connections that are at their end get a moment for it."""
        self._closing.close()

    def _close_connections(self) -> None:
        self._rejected.close()
        clock = self._context.clock
        deadline_s = clock.monotonic_s() + CLOSE_DEADLINE_S
        for thread in self._connections:
            thread.join(max(0.0, deadline_s - clock.monotonic_s()))
        for thread, connection in self._connections.items():
            connection.close()
            thread.join()
        self._connections.clear()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, address = listener.accept()
        except OSError as error:
            text = f"a connection could not be taken: {error.strerror or error}"
            self._context.throttle.add(Severity.WARNING, "not taken", "", text)
            self._context.clock.wait(self._never, OUT_OF_FILES_WAIT_S)  # it is still there to be accepted: do not spin
            return
        host = str(address[0])
        slot = self._limiter.admit(host)
        if isinstance(slot, Rejection) and slot.crowded and self._make_room(host):
            slot = self._limiter.admit(host)
        self._forget_ended()
        if isinstance(slot, Rejection):
            self._reject(connection, slot.reason)
        elif len(self._connections) >= THREADS_A_CONNECTION * self._limits.max_connections:
            slot.free()
            self._reject(connection, "too many connections come at once")
        else:
            self._serve(connection, slot)

    def _reject(self, connection: socket.socket, reason: str) -> None:
        self._rejected.add(connection, reason, in_words=self._verifier is None)

    def _serve(self, connection: socket.socket, slot: ConnectionSlot) -> None:
        try:
            served = ReceiverConnection(
                connection,
                slot,
                self._context,
                self._registry,
                self._verifier,
                handshake_s=self._limits.handshake_s,
            )
            thread = threading.Thread(target=served.run, name=f"receiver-{served.peer}")
            thread.start()
        except (OSError, RuntimeError) as error:  # no file descriptor, or no thread, is left
            text = f"a connection could not be served: {error}"
            self._context.throttle.add(Severity.WARNING, "not served", "", text)
            slot.free()
            connection.close()
            return
        self._connections[thread] = served

    def _make_room(self, host: str) -> bool:
        """Drop the oldest connection of the same address that can make room, or else any such."""
        idle = [each for each in self._connections.values() if each.can_make_room]
        address = counted_address(host)
        same = [each for each in idle if each.slot.address == address]
        dropped = next(iter(same or idle), None)
        if dropped is not None:
            dropped.close("it said nothing, and made room for others")
            dropped.slot.free()
        return dropped is not None

    def _forget_ended(self) -> None:
        self._connections = {thread: each for thread, each in self._connections.items() if thread.is_alive()}


def connection_limits(settings: ReceiverSettings) -> ConnectionLimits:
    """The limits that were set, or what suits the number of streams."""
    twice = 2 * settings.max_connections
    return settings.admission or ConnectionLimits(max_connections=max(64, twice), max_per_address=max(32, twice))
