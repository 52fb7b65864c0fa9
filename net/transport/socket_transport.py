"""The bytes of a connection: what a connection needs of any transport, and TCP with its rate limit and its meters."""

import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from typing import Final, Protocol

from net.runtime.clock import Clock
from net.telemetry.meters import RateMeter
from net.transport.listening import address_text
from net.transport.pacing import TokenBucket

SHORTEST_WAIT_S: Final = 0.001
"""A timeout of zero would mean something else to a socket."""


class Transport(Protocol):
    """A connection's bytes. One thread receives, one at a time sends, any may close; all raise `OSError`."""

    def recv(self, size: int, timeout_s: float) -> bytes:
        """Receive 1 to `size` bytes within `timeout_s` in all (`TimeoutError`); empty when the peer has closed."""
        ...

    def sendall(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`; the peer must take it, or each slice under a rate limit, in `timeout_s` (`TimeoutError`).

        The waits that a rate limit demands do not count.
        """
        ...

    def send_eof(self) -> None:
        """Send the end of the stream: no byte follows."""
        ...

    def close(self) -> None:
        """Close the connection and wake its threads; calling it twice does nothing."""
        ...

    def getpeername(self) -> tuple[str, int]:
        """The peer's host and port."""
        ...


class SocketTransport:
    """A connected socket; `sent` and `received` count every byte that it carries, and the rate limit holds for them.

    Python keeps one timeout a socket object, so reading and writing have an object each. Their descriptors live until
    the last thread has left: the system gives a closed one's number to the next connection, and a thread that was
    about to wait on it would wait on another's.
    """

    def __init__(
        self,
        connection: socket.socket,
        clock: Clock,
        sent: RateMeter,
        received: RateMeter,
        rate_limit_bps: int | None = None,
    ) -> None:
        self._reader, self._writer = connection, connection.dup()
        self._clock, self._sent, self._received = clock, sent, received
        self._lock = threading.Lock()
        self._threads_inside = 0
        self._closed = threading.Event()
        self.limit_rate(rate_limit_bps)
        with contextlib.suppress(OSError):  # no TCP socket
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def limit_rate(self, rate_limit_bps: int | None) -> None:
        """Send no faster than this from now on (None: as fast as the socket takes it); for the sending thread."""
        self._bucket = TokenBucket(rate_limit_bps, self._clock) if rate_limit_bps else None

    def recv(self, size: int, timeout_s: float) -> bytes:
        """Receive like `Transport.recv`."""
        with self._in_use():
            self._reader.settimeout(max(timeout_s, SHORTEST_WAIT_S))
            data = self._reader.recv(size)
        self._received.add(len(data))
        return data

    def peer_has_left(self) -> bool:
        """Return whether the peer has closed, and nothing of it waits to be read; for the receiving thread.

        Raises `OSError` where it was closed here.
        """
        with self._in_use():
            self._reader.setblocking(False)
            try:
                return not self._reader.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return False
            except OSError:
                return True

    def sendall(self, data: bytes, timeout_s: float) -> None:
        """Send like `Transport.sendall`; `close` ends the waits of the rate limit."""
        with self._in_use():
            for piece in self._paced(memoryview(data)):
                self._write(piece, timeout_s)

    def send_eof(self) -> None:
        """Shut down the writing half."""
        with contextlib.suppress(OSError), self._in_use():  # the peer was faster, or it is closed
            self._writer.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Shut down both halves, which wakes the threads inside, and close once they have left."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            with contextlib.suppress(OSError):  # the peer was faster
                self._reader.shutdown(socket.SHUT_RDWR)
            self._release_if_left()

    def getpeername(self) -> tuple[str, int]:
        """The peer's host and port."""
        host, port = self._reader.getpeername()[:2]
        return str(host), int(port)

    def _paced(self, data: memoryview) -> Iterator[memoryview]:
        """Yield `data` in pieces, each when the rate limit lets it pass."""
        bucket = self._bucket
        if bucket is None:
            yield data
            return
        for start in range(0, len(data), bucket.slice_bytes):
            piece = data[start : start + bucket.slice_bytes]
            bucket.wait_for(len(piece), self._closed)
            yield piece

    def _write(self, data: memoryview, timeout_s: float) -> None:
        deadline_s = self._clock.monotonic_s() + max(timeout_s, SHORTEST_WAIT_S)
        while data:
            self._check_open()
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise TimeoutError
            self._writer.settimeout(left_s)
            size = self._writer.send(data)
            self._sent.add(size)
            data = data[size:]

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise OSError(errno.EBADF, "it was closed here")

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._lock:
            self._check_open()
            self._threads_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads_inside -= 1
                self._release_if_left()

    def _release_if_left(self) -> None:
        if self._closed.is_set() and not self._threads_inside:
            self._reader.close()
            self._writer.close()


def shown_address(transport: Transport) -> str:
    """The peer's address, to be shown; for a connection that has gone, a text that says so."""
    try:
        host, port = transport.getpeername()
    except (OSError, ValueError):
        return "a closed connection"
    return address_text(host, port)
