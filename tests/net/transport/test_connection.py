"""A link on wires that take what is written late, or never."""

import itertools
import threading
from collections.abc import Iterable

import pytest

from net.errors import ConnectionLost
from net.protocol.frames import PREAMBLE, encode_control
from net.protocol.limits import DEFAULT_LIMITS
from net.protocol.state_machine import ReceiverProtocol
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.transport.connection import IDLE_TIMEOUT_S, MOST_UNSENT_BYTES, SEND_TIMEOUT_S, Connection
from net.transport.socket_transport import Transport
from tests.clock import FakeClock
from tests.net.protocol.exchange import HELLO


class Wire:
    """A peer that says nothing and takes everything."""

    def recv(self, _size: int, _timeout_s: float) -> bytes:
        return b""

    def sendall(self, _data: bytes, _timeout_s: float) -> None: ...

    def send_eof(self) -> None: ...

    def close(self) -> None: ...

    def getpeername(self) -> tuple[str, int]:
        return "10.0.0.1", 1234


class SlowWire(Wire):
    """Takes a write when a test says so."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.writing, self.go_on = threading.Event(), threading.Event()

    def sendall(self, data: bytes, _timeout_s: float) -> None:
        self.writing.set()
        assert self.go_on.wait(5.0)
        self.said.append(data)

    def send_eof(self) -> None:
        self.said.append(b"the end")


class FullWire(Wire):
    """Its peer does not read."""

    def __init__(self) -> None:
        self.timeouts_s: list[float] = []

    def sendall(self, _data: bytes, timeout_s: float) -> None:
        self.timeouts_s.append(timeout_s)
        raise TimeoutError


class LateWire(Wire):
    """Gives each byte of what its peer says so many seconds after the one before."""

    def __init__(self, clock: FakeClock, data: bytes, pauses_s: Iterable[float]) -> None:
        self._clock = clock
        self._coming = list(zip(pauses_s, data, strict=False))

    def recv(self, _size: int, timeout_s: float) -> bytes:
        pause_s, byte = self._coming.pop(0)
        self._clock.advance(min(pause_s, timeout_s))
        if pause_s > timeout_s:
            raise TimeoutError
        return bytes([byte])


def link_on(wire: Transport, clock: Clock = SYSTEM_CLOCK) -> Connection[object]:
    return Connection(wire, ReceiverProtocol(), clock)


def test_the_end_does_not_overtake_what_is_being_written() -> None:
    """A last word that another thread writes reaches the peer before the connection's writing half is shut down."""
    wire = SlowWire()
    link = link_on(wire)
    writer = threading.Thread(target=link.send, name="writer")
    writer.start()
    assert wire.writing.wait(5.0)
    link._unsent += b"a last word"
    link.send_eof()
    wire.go_on.set()
    writer.join(5.0)
    assert wire.said == [PREAMBLE, b"a last word", b"the end"]


def test_who_has_no_time_does_not_wait_for_a_peer_that_does_not_read() -> None:
    """A write may be given less time than usual, or none; it fails as any other does, and blocks no later one."""
    wire = FullWire()
    link = link_on(wire)
    with pytest.raises(ConnectionLost, match="took nothing"):
        link.send(timeout_s=0.0)
    link._unsent += b"more"
    with pytest.raises(ConnectionLost):
        link.send()
    assert wire.timeouts_s == [0.0, SEND_TIMEOUT_S]


def test_who_has_much_to_say_waits_for_the_thread_that_writes() -> None:
    """A peer that asks again and again and reads nothing fills no memory: its questions are left unread."""
    wire = SlowWire()
    link = link_on(wire)
    writer = threading.Thread(target=link.send, name="writer")
    writer.start()
    assert wire.writing.wait(5.0)
    link._unsent += bytes(MOST_UNSENT_BYTES)
    link.send()
    link._unsent += b"!"
    link.send(timeout_s=0.0)
    asked = threading.Thread(target=link.send, name="asked")
    asked.start()
    asked.join(0.1)
    assert asked.is_alive()
    wire.go_on.set()
    for thread in (writer, asked):
        thread.join(5.0)
        assert not thread.is_alive()
    assert len(b"".join(wire.said)) == len(PREAMBLE) + MOST_UNSENT_BYTES + 1


HELLO_BYTES = PREAMBLE + encode_control(HELLO, DEFAULT_LIMITS)


def test_a_peer_may_be_silent_for_the_idle_time_and_no_longer(clock: FakeClock) -> None:
    """A byte that comes just in time is taken, one that comes a moment later is not waited for."""
    assert link_on(LateWire(clock, HELLO_BYTES, itertools.repeat(IDLE_TIMEOUT_S)), clock).receive() == [HELLO]
    with pytest.raises(ConnectionLost, match="nothing was heard from the peer for 15 s"):
        link_on(LateWire(clock, HELLO_BYTES, itertools.repeat(IDLE_TIMEOUT_S + 0.001)), clock).receive()


def test_a_whole_hello_has_to_come_before_the_deadline(clock: FakeClock) -> None:
    """However steadily its bytes come: the last one just in time, or it is late."""
    for limit_s, taken in ((10.0, True), (9.99, False)):
        wire = LateWire(clock, HELLO_BYTES, itertools.repeat(10.0 / len(HELLO_BYTES)))
        link, deadline_s = link_on(wire, clock), clock.monotonic_s() + limit_s + 1e-9
        if taken:
            assert link.receive(10.0, deadline_s) == [HELLO]
        else:
            with pytest.raises(ConnectionLost, match="no whole message came in time"):
                link.receive(10.0, deadline_s)


@pytest.mark.parametrize("method", ["receive", "send"])
def test_an_unexpected_error_is_not_taken_for_a_lost_connection(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the protocol comes out as it is, of whichever thread met it, and so fails the stream."""
    link = link_on(LateWire(FakeClock(), b"E", [0.0]))

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(link._protocol, "receive_data", broken)
    monkeypatch.setattr(link._protocol, "data_to_send", broken)
    with pytest.raises(ZeroDivisionError):
        link.receive() if method == "receive" else link.send()
