import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clock import FakeClock
from tests.net.transport.sockets import MeteredTransport
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
    wire = MeteredTransport(held)  # type: ignore[arg-type]
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
    wire, got = MeteredTransport(ours), []
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
    wire.send_eof()
    theirs.close()


def test_closing_ends_the_waits_of_the_rate_limit() -> None:
    """A thread that would have to wait for minutes leaves at once, with an error."""
    ours, theirs = socket.socketpair()
    wire, errors = MeteredTransport(ours, rate_limit_bps=100), []

    def send() -> None:
        try:
            wire.sendall(bytes(1000), 1.0)
        except OSError as error:
            errors.append(error)

    sending = threading.Thread(target=send)
    sending.start()
    wait_until(lambda: wire.sent.total_bytes)
    wire.close()
    sending.join(5)
    assert not sending.is_alive()
    assert "closed here" in str(errors)
    theirs.close()


def read_to_end(end: socket.socket) -> int:
    """Return how many bytes came until the other end closed."""
    with end:
        return sum(iter(lambda: len(end.recv(1 << 20)), 0))


def test_waits_of_the_rate_limit_take_nothing_of_the_peers_time(clock: FakeClock) -> None:
    """What takes ten seconds by the limit may have a timeout of one."""
    ours, theirs = socket.socketpair()
    wire = MeteredTransport(ours, clock, rate_limit_bps=8000)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read_to_end, theirs)
        start_s = clock.now_s
        wire.sendall(bytes(10_000), 1.0)
        assert clock.now_s - start_s == pytest.approx(10.0, rel=0.02)
        wire.close()
        assert reading.result(5) == 10_000


def test_a_rate_limit_may_change(clock: FakeClock) -> None:
    """What is sent after the change keeps the new limit."""
    ours, theirs = socket.socketpair()
    wire = MeteredTransport(ours, clock)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read_to_end, theirs)
        start_s = clock.now_s
        for rate_bps, size in ((None, 5000), (8000, 1000), (16000, 2000)):
            wire.limit_rate(rate_bps)
            wire.sendall(bytes(size), 1.0)
        assert clock.now_s - start_s == pytest.approx(2.0, rel=0.05)
        wire.close()
        assert reading.result(5) == 8000


def test_a_peer_that_does_not_read_ends_in_time_and_what_it_took_is_counted() -> None:
    """Every byte that the socket took, no other."""
    ours, theirs = socket.socketpair()
    wire = MeteredTransport(ours)
    with pytest.raises(TimeoutError):
        wire.sendall(bytes(10 << 20), 0.05)
    wire.close()
    assert wire.sent.total_bytes == read_to_end(theirs)
