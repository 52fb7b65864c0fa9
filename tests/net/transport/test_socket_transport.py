import socket
import threading

import pytest

from net.transport.socket_transport import SocketTransport
from tests.net.waiting import wait_until


class HeldSocket:
    """A socket whose `recv` returns when the test lets it, and that knows whether it was closed."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        self.shut = self.closed = False

    def dup(self) -> "HeldSocket":
        return HeldSocket()

    def setsockopt(self, *_option: int) -> None: ...

    def settimeout(self, _timeout_s: float) -> None: ...

    def recv(self, _size: int) -> bytes:
        self.entered.set()
        self.leave.wait(10)
        return b""

    def shutdown(self, _how: int) -> None:
        self.shut = True

    def close(self) -> None:
        self.closed = True


def test_a_descriptor_lives_until_the_last_thread_has_left() -> None:
    """Closing wakes a thread that receives, and gives the number back only when that thread waits on it no more."""
    held = HeldSocket()
    wire = SocketTransport(held)  # type: ignore[arg-type]
    receiving = threading.Thread(target=wire.recv, args=(1, 10.0))
    receiving.start()
    assert held.entered.wait(10)
    wire.close()
    assert held.shut
    assert not held.closed
    held.leave.set()
    receiving.join(10)
    assert held.closed


def test_closing_wakes_who_receives() -> None:
    """A thread that waits for bytes gets an end, at once; later calls are errors."""
    ours, theirs = socket.socketpair()
    wire, got = SocketTransport(ours), []
    receiving = threading.Thread(target=lambda: got.append(wire.recv(1, 30.0)))
    receiving.start()
    wait_until(lambda: wire._threads_inside == 1)
    wire.close()
    wire.close()
    receiving.join(5)
    assert got == [b""]
    with pytest.raises(OSError, match="closed"):
        wire.recv(1, 1.0)
    with pytest.raises(OSError, match="closed"):
        wire.sendall(b"x", 1.0)
    wire.finish_writing()
    theirs.close()
