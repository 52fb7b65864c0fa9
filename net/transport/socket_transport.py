"""What a link needs of a connection, and plain TCP as such: limits for reading and for writing that do not mix."""

import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from typing import Final, Protocol

from net.transport.listening import address_text

SHORTEST_WAIT_S: Final = 0.001
"""A timeout of zero would mean something else to a socket."""


class Transport(Protocol):
    """A connection's bytes. One thread receives, one at a time sends, any may close; all raise `OSError`."""

    def recv(self, size: int, timeout_s: float) -> bytes:
        """Receive 1 to `size` bytes within `timeout_s` in all (`TimeoutError`); empty when the peer has closed."""
        ...

    def sendall(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data` within `timeout_s` in all (`TimeoutError`)."""
        ...

    def finish_writing(self) -> None:
        """Tell the peer that nothing more will be sent."""
        ...

    def close(self) -> None:
        """Close the connection and wake whoever waits for it; calling it twice does nothing."""
        ...

    def getpeername(self) -> tuple[str, int]:
        """The peer's host and port."""
        ...


class SocketTransport:
    """A connected socket. Python keeps one timeout a socket object: so reading and writing have an object each.

    Its descriptors live until the last thread has left: the system gives a closed one's number to the next connection,
    and a thread that was about to wait on it would wait for a stranger.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._reader, self._writer = connection, connection.dup()
        self._lock = threading.Lock()
        self._threads_inside = 0
        self._closed = False
        with contextlib.suppress(OSError):  # no TCP socket
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def recv(self, size: int, timeout_s: float) -> bytes:
        """Receive like `Transport.recv`."""
        with self._inside():
            self._reader.settimeout(max(timeout_s, SHORTEST_WAIT_S))
            return self._reader.recv(size)

    def sendall(self, data: bytes, timeout_s: float) -> None:
        """Send like `Transport.sendall`."""
        with self._inside():
            self._writer.settimeout(max(timeout_s, SHORTEST_WAIT_S))
            self._writer.sendall(data)

    def finish_writing(self) -> None:
        """Shut down the writing half."""
        with contextlib.suppress(OSError), self._inside():  # the peer was faster, or it is closed
            self._writer.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Shut down both halves, which wakes the threads inside, and close once they have left."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError):  # the peer was faster
                self._reader.shutdown(socket.SHUT_RDWR)
            self._release_if_left()

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise OSError(errno.EBADF, "it was closed here")
            self._threads_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads_inside -= 1
                self._release_if_left()

    def _release_if_left(self) -> None:
        if self._closed and not self._threads_inside:
            self._reader.close()
            self._writer.close()

    def getpeername(self) -> tuple[str, int]:
        """The peer's host and port."""
        host, port = self._reader.getpeername()[:2]
        return str(host), int(port)


def shown_address(wire: Transport) -> str:
    """The peer's address, for people."""
    try:
        host, port = wire.getpeername()
    except (OSError, ValueError):
        return "a closed connection"
    return address_text(host, port)
