"""A protocol run over a transport: one thread receives, any thread may send, closing wakes both."""

import threading
from typing import Generic, TypeVar

from net.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from net.protocol.state_machine import Message, ProtocolSide
from net.runtime.clock import Clock
from net.transport.socket_transport import Transport, shown_address

RECEIVE_BYTES = 65536
IDLE_TIMEOUT_S = 15.0
"""A peer that is alive is heard at least this often: receivers ping, senders answer."""
SEND_TIMEOUT_S = 15.0
MOST_UNSENT_BYTES = 65536
"""More than this waits for the thread that is writing, rather than behind it."""
DRAIN_S = 1.0
DRAIN_BYTES = 4 << 20
"""What is read of a peer after the last word to it, so that no reset overtakes that word."""

MessageT = TypeVar("MessageT")


class Connection(Generic[MessageT]):
    """One connection. Errors of the transport become `ConnectionLost`, those of the peer `RemoteProtocolError`.

    Any other error comes out of the method that met it, as it is.
    """

    def __init__(self, transport: Transport, protocol: ProtocolSide[MessageT], clock: Clock) -> None:
        self._transport, self._protocol, self._clock = transport, protocol, clock
        self._protocol_lock = threading.Lock()
        """Guards the protocol, `_unsent` and `_error`; never held while the transport waits."""
        self._write_lock = threading.Lock()
        """Held while the transport is written to: two threads never write at once."""
        self._unsent = bytearray()
        self._error: RemoteProtocolError | ConnectionLost | None = None
        self._eof_wanted = threading.Event()
        self.closed = threading.Event()

    @property
    def peer(self) -> str:
        """The peer's address, to be shown."""
        return shown_address(self._transport)

    def receive(self, timeout_s: float = IDLE_TIMEOUT_S, deadline_s: float | None = None) -> list[MessageT]:
        """Wait for messages and return them; an error after good messages is raised by the next call.

        The peer may be silent for `timeout_s`; with `deadline_s` (of the clock), a whole message must come before it.
        Returns none once `send_eof` was called.
        """
        while not self._eof_wanted.is_set():
            if self._error is not None:
                raise self._error
            messages = self._feed(self._receive_bytes(timeout_s, deadline_s))
            if messages:
                return messages
        return []

    def send(self, *messages: Message, timeout_s: float = SEND_TIMEOUT_S) -> None:
        """Write messages, and what the protocol has queued before; the peer must read within `timeout_s`.

        Returns when they are written, or when another thread that is writing will write them too, unless that has
        much to write already. Raises `LocalProtocolError` for a message that must not be sent; where that is so
        because the peer broke the protocol, what it did is raised.
        """
        with self._protocol_lock:
            try:
                for message in messages:
                    self._protocol.send(message)
            except LocalProtocolError:
                if isinstance(self._error, RemoteProtocolError):
                    raise self._error from None
                raise
            self._unsent += self._protocol.data_to_send()
        while self._unsent and self._write_lock.acquire(timeout=self._writer_wait_s(timeout_s)):
            try:
                self._write_unsent(timeout_s)
            finally:
                self._write_lock.release()
        if self._eof_wanted.is_set():
            self._send_eof_unless_writing()

    def send_eof(self) -> None:
        """Send nothing more, and tell the peer (a thread that is writing does so at its end); receive no more."""
        self._eof_wanted.set()
        self._send_eof_unless_writing()

    def lingering_close(self) -> None:
        """Send EOF, read on for a moment so that the peer gets its last word (RFC 9112, 9.6), and close.

        For the receiving thread.
        """
        self.send_eof()
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
        self._transport.close()

    def _feed(self, data: bytes) -> list[MessageT]:
        """Hand what was received to the protocol, keep the error that it raises, and return the messages before it."""
        with self._protocol_lock:
            try:
                if data:
                    self._protocol.receive_data(data)
                else:
                    self._protocol.receive_eof()
                    self._error = ConnectionLost("the peer closed the connection")
            except (RemoteProtocolError, ConnectionLost) as error:
                self._error = error
            return self._protocol.events()

    def _writer_wait_s(self, timeout_s: float) -> float:
        """How long to wait while another thread writes: a peer that asks and does not read is not read any more."""
        return timeout_s if len(self._unsent) > MOST_UNSENT_BYTES else 0.0

    def _write_unsent(self, timeout_s: float) -> None:
        while self._unsent:
            with self._protocol_lock:
                data, self._unsent = bytes(self._unsent), bytearray()
            try:
                self._transport.sendall(data, timeout_s)
            except TimeoutError as error:
                raise ConnectionLost(f"the peer took nothing for {timeout_s:.0f} s") from error
            except OSError as error:
                raise _broken(error) from error

    def _send_eof_unless_writing(self) -> None:
        if self._write_lock.acquire(blocking=False):  # or else what is being written would be cut off
            try:
                self._transport.send_eof()
            finally:
                self._write_lock.release()

    def _receive_bytes(self, timeout_s: float, deadline_s: float | None) -> bytes:
        left_s = timeout_s if deadline_s is None else deadline_s - self._clock.monotonic_s()
        try:
            if left_s <= 0:
                raise TimeoutError
            return self._transport.recv(RECEIVE_BYTES, min(timeout_s, left_s))
        except TimeoutError as error:
            late = deadline_s is not None and self._clock.monotonic_s() >= deadline_s
            why = "no whole message came in time" if late else f"nothing was heard from the peer for {timeout_s:.0f} s"
            raise ConnectionLost(why) from error
        except OSError as error:
            raise _broken(error) from error


def _broken(error: OSError) -> ConnectionLost:
    return ConnectionLost(f"the connection broke: {error.strerror or error}")
