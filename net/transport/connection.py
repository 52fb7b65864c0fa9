"""A socket run by a protocol: one thread receives, any thread may send, closing wakes both."""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from net.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from net.runtime.clock import Clock
from net.telemetry.meters import RateMeter
from net.transport.pacing import TokenBucket
from net.transport.socket_transport import Transport, shown_address

RECEIVE_BYTES = 65536
IDLE_TIMEOUT_S = 15.0
"""A peer that is alive is heard at least this often: receivers ping, senders answer."""
SEND_TIMEOUT_S = 15.0
MOST_UNSENT_BYTES = 65536
"""More than this waits for the thread that is writing, rather than behind it."""
DRAIN_S = 1.0
DRAIN_BYTES = 4 << 20
"""What is read of a peer that was told to go, so that what it was told is not lost by a reset."""

MessageT = TypeVar("MessageT")


class SansIOProtocol(Protocol[MessageT]):
    """What a link needs of either side's protocol."""

    def receive_data(self, data: bytes) -> None: ...  # noqa: D102 - see net.protocol
    def receive_eof(self) -> None: ...  # noqa: D102 - see net.protocol
    def events(self) -> list[MessageT]: ...  # noqa: D102 - see net.protocol
    def data_to_send(self) -> bytes: ...  # noqa: D102 - see net.protocol


class Connection(Generic[MessageT]):
    """One connection. Errors of the socket become `ConnectionLost`, those of the peer `RemoteProtocolError`."""

    def __init__(
        self,
        wire: Transport,
        protocol: SansIOProtocol[MessageT],
        *,
        clock: Clock,
        sent: RateMeter,
        received: RateMeter,
        rate_limit_bps: int | None = None,
    ) -> None:
        self._wire = wire
        self._protocol = protocol
        self._clock = clock
        self._sent, self._received = sent, received
        self._bucket = TokenBucket(rate_limit_bps, clock) if rate_limit_bps else None
        self._state_lock = threading.Lock()
        self._writing = threading.Lock()
        self._unsent = bytearray()
        self._fault: RemoteProtocolError | ConnectionLost | None = None
        self._finished = threading.Event()
        self.closed = threading.Event()

    @property
    def peer(self) -> str:
        """The other end's address, for people."""
        return shown_address(self._wire)

    def receive(self, timeout_s: float = IDLE_TIMEOUT_S, deadline_s: float | None = None) -> list[MessageT]:
        """Wait for messages and return them; an error after good messages is raised by the next call.

        The peer may be silent for `timeout_s`; with `deadline_s` (of the clock), a whole message must come before it.
        Returns none once `finish_writing` was called.
        """
        while not self._finished.is_set():
            if self._fault is not None:
                raise self._fault
            data = self._receive_bytes(timeout_s, deadline_s)
            with self._state_lock:
                try:
                    if data:
                        self._protocol.receive_data(data)
                    else:
                        self._protocol.receive_eof()
                        self._fault = ConnectionLost("the peer closed the connection")
                except (RemoteProtocolError, ConnectionLost) as error:
                    self._fault = error
                messages = self._protocol.events()
            if messages:
                return messages
        return []

    def send(self, action: Callable[[], None], timeout_s: float = SEND_TIMEOUT_S) -> None:
        """Run `action`, which has the protocol queue messages, and write them; the peer must read within `timeout_s`.

        Returns when they are written, or when another thread that is writing will write them too, unless that has
        much to write already. Where nothing can be sent because the peer broke the protocol, that is raised.
        """
        with self._state_lock:
            self._run(action)
            self._unsent += self._protocol.data_to_send()
        # Two threads never write at once.
        while self._unsent and self._writing.acquire(timeout=self._wait_s(timeout_s)):
            try:
                self._write_all(timeout_s)
            finally:
                self._writing.release()
        if self._finished.is_set():
            self._shut_down_writing()

    def _wait_s(self, timeout_s: float) -> float:
        """How long to wait while another thread writes: a peer that asks and does not read is not read any more."""
        return timeout_s if len(self._unsent) > MOST_UNSENT_BYTES else 0.0

    def _run(self, action: Callable[[], None]) -> None:
        try:
            action()
        except LocalProtocolError:
            if isinstance(self._fault, RemoteProtocolError):
                raise self._fault from None
            raise

    def finish_writing(self) -> None:
        """Say that nothing more will be sent (a thread that is writing does so at its end), and receive no more."""
        self._finished.set()
        self._shut_down_writing()

    def hang_up(self) -> None:
        """Finish writing, give the peer a moment to read what it was told, and close; for the receiving thread."""
        self.finish_writing()
        deadline_s, left_bytes = self._clock.monotonic_s() + DRAIN_S, DRAIN_BYTES
        try:
            while left_bytes > 0 and not self.closed.is_set() and (data := self._receive_bytes(DRAIN_S, deadline_s)):
                left_bytes -= len(data)
        except ConnectionLost:
            pass  # it is gone, or had its time
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection and wake its threads; calling it twice does nothing."""
        self.closed.set()
        self._wire.close()

    def _shut_down_writing(self) -> None:
        if self._writing.acquire(blocking=False):  # or else what is being written would be cut off
            try:
                self._wire.finish_writing()
            finally:
                self._writing.release()

    def _write_all(self, timeout_s: float) -> None:
        while True:
            with self._state_lock:
                size = self._bucket.slice_bytes if self._bucket else len(self._unsent)
                data = bytes(self._unsent[:size])
                del self._unsent[:size]
            if not data:
                return
            if self._bucket:
                self._bucket.wait_for(len(data), self.closed)
            self._write(data, timeout_s)

    def _write(self, data: bytes, timeout_s: float) -> None:
        try:
            self._wire.sendall(data, timeout_s)
        except TimeoutError as error:
            raise ConnectionLost(f"the peer took nothing for {timeout_s:.0f} s") from error
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error.strerror or error}") from error
        self._sent.add(len(data))

    def _receive_bytes(self, timeout_s: float, deadline_s: float | None) -> bytes:
        left_s = timeout_s if deadline_s is None else deadline_s - self._clock.monotonic_s()
        try:
            if left_s <= 0:
                raise TimeoutError
            data = self._wire.recv(RECEIVE_BYTES, min(timeout_s, left_s))
        except TimeoutError as error:
            late = deadline_s is not None and self._clock.monotonic_s() >= deadline_s
            why = "no whole message came in time" if late else f"nothing was heard from the peer for {timeout_s:.0f} s"
            raise ConnectionLost(why) from error
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error.strerror or error}") from error
        self._received.add(len(data))
        return data
