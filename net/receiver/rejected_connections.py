"""Connections that may not come in: told why, given a moment to read it, and closed; no thread is spent on them.

Closing a socket with unread bytes resets the connection, and the peer may lose the reason: so what it sends is read and
thrown away for a moment. Used by the accepting thread alone, with its selector.
"""

import contextlib
import selectors
import socket
from typing import Final

from net.protocol.messages import Refuse
from net.protocol.state_machine import ReceiverProtocol
from net.runtime.clock import Clock
from net.telemetry.events import EventLog
from net.transport.connection import DRAIN_S

MOST: Final = 128
"""More than these are closed without a moment."""
READ_BYTES: Final = 4096
TELL_EVERY_S: Final = 5.0


class RejectedConnections:
    """The connections that are being turned away."""

    def __init__(self, selector: selectors.BaseSelector, clock: Clock, events: EventLog) -> None:
        self._selector, self._clock, self._events = selector, clock, events
        self._until_s: dict[socket.socket, float] = {}
        self._untold, self._reason = 0, ""
        self._told_s = float("-inf")

    def __contains__(self, connection: object) -> bool:
        return connection in self._until_s

    def add(self, connection: socket.socket, reason: str, *, in_words: bool) -> None:
        """Turn a connection away; only one that speaks in the clear can be told why."""
        self._untold += 1
        self._reason = reason
        if not in_words or len(self._until_s) >= MOST:
            connection.close()
            return
        try:
            connection.setblocking(False)
            connection.send(_refusal(reason))
            connection.shutdown(socket.SHUT_WR)
            self._selector.register(connection, selectors.EVENT_READ)
        except (OSError, ValueError):  # it is gone already
            connection.close()
            return
        self._until_s[connection] = self._clock.monotonic_s() + DRAIN_S

    def take_readable(self, connection: socket.socket) -> None:
        """Throw away what came; close what has ended."""
        try:
            ended = not connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._close(connection)

    def tend(self) -> None:
        """Close those that had their moment, and tell now and then how many came."""
        now_s = self._clock.monotonic_s()
        for connection in [each for each, until_s in self._until_s.items() if until_s <= now_s]:
            self._close(connection)
        if self._untold and now_s - self._told_s >= TELL_EVERY_S:
            self._events.warning(f"turned {self._untold} connections away: {self._reason}")
            self._untold, self._told_s = 0, now_s

    def close(self) -> None:
        """Close all."""
        for connection in list(self._until_s):
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        del self._until_s[connection]
        with contextlib.suppress(KeyError, ValueError):  # the selector went first
            self._selector.unregister(connection)
        connection.close()


def _refusal(reason: str) -> bytes:
    protocol = ReceiverProtocol()
    protocol.refuse(Refuse("busy", reason))
    return protocol.data_to_send()
