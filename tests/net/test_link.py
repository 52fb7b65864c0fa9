"""A link on a wire that takes nothing."""

import pytest

from net.clock import SYSTEM_CLOCK
from net.errors import ConnectionLost
from net.link import SEND_TIMEOUT_S, Link
from net.meters import RateMeter
from net.protocol import ReceiverProtocol


class FullWire:
    """Its peer does not read."""

    def __init__(self) -> None:
        self.timeouts_s: list[float] = []

    def recv(self, _size: int, _timeout_s: float) -> bytes:
        return b""

    def sendall(self, _data: bytes, timeout_s: float) -> None:
        self.timeouts_s.append(timeout_s)
        raise TimeoutError

    def finish_writing(self) -> None: ...

    def close(self) -> None: ...

    def getpeername(self) -> tuple[str, int]:
        return "10.0.0.1", 1234


def test_who_has_no_time_does_not_wait_for_a_peer_that_does_not_read() -> None:
    """A write may be given less time than usual, or none; it fails as any other does, and blocks no later one."""
    wire = FullWire()
    meters = [RateMeter(name, SYSTEM_CLOCK) for name in ("sent", "received")]
    link = Link(wire, ReceiverProtocol(), clock=SYSTEM_CLOCK, sent=meters[0], received=meters[1])
    with pytest.raises(ConnectionLost, match="took nothing"):
        link.send(lambda: None, 0.0)
    link._unsent += b"more"
    with pytest.raises(ConnectionLost):
        link.send(lambda: None)
    assert wire.timeouts_s == [0.0, SEND_TIMEOUT_S]
