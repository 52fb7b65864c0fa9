"""Connections that are turned away: refused with a reason, given a moment to read it, and closed, without a thread.

Closing a socket with unread bytes resets the connection, and the peer may lose the reason: so what it sends is read and
thrown away for a moment.
"""

import contextlib
import selectors
import socket
from typing import Final

from net.protocol.messages import Refuse
from net.protocol.state_machine import ReceiverProtocol
from net.runtime.clock import Clock
from net.telemetry.event_throttle import EventThrottle
from net.telemetry.stats import Severity
from net.transport.connection import DRAIN_S

MAX_CONNECTIONS: Final = 128
"""Beyond these, connections are closed at once."""
READ_BYTES: Final = 4096


class RejectedConnections:
    """The connections that are being turned away; for the accepting thread alone.

    Each is registered with `selector`, and its data is what to call when something comes.
    """

    def __init__(self, selector: selectors.BaseSelector, clock: Clock, throttle: EventThrottle) -> None:
        self._selector, self._clock, self._throttle = selector, clock, throttle
        self._until_s: dict[socket.socket, float] = {}

    def add(self, connection: socket.socket, reason: str, *, in_words: bool) -> None:
        """Turn a connection away, with the reason `in_words` where it is not encrypted."""
        self._throttle.add(Severity.WARNING, "rejected", "", f"turned a connection away: {reason}")
        if not in_words or len(self._until_s) >= MAX_CONNECTIONS:
            connection.close()
            return
        try:
            connection.setblocking(False)
            connection.send(_refusal(reason))
            connection.shutdown(socket.SHUT_WR)
            self._selector.register(connection, selectors.EVENT_READ, self._discard_input)
        except (OSError, ValueError):  # it is gone already
            connection.close()
            return
        self._until_s[connection] = self._clock.monotonic_s() + DRAIN_S

    def poll(self) -> None:
        """Close those that had their moment."""
        now_s = self._clock.monotonic_s()
        for connection in [each for each, until_s in self._until_s.items() if until_s <= now_s]:
            self._close(connection)

    def close(self) -> None:
        """Close all."""
        for connection in list(self._until_s):
            self._close(connection)

    def _discard_input(self, connection: socket.socket) -> None:
        """Throw away what came; close the connection if its peer has."""
        try:
            ended = not connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        del self._until_s[connection]
        with contextlib.suppress(KeyError, ValueError):  # the selector went first
            self._selector.unregister(connection)
        connection.close()


def _refusal(reason: str) -> bytes:
    protocol = ReceiverProtocol()
    protocol.send(Refuse("busy", reason))
    return protocol.data_to_send()
