import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from OpenSSL import SSL

from net.errors import ConnectionLost, HandshakeFailed, LinkError, RemoteProtocolError
from net.protocol.frames import PREAMBLE
from net.protocol.state_machine import ReceiverProtocol
from net.runtime.clock import SYSTEM_CLOCK
from net.transport.pacing import SLICE_S
from net.transport.security.identity import Identity, make_identity
from net.transport.security.tls import TlsTransport, tls_context
from tests.clock import FakeClock
from tests.net.transport.sockets import MeteredTransport

TIMEOUT_S = 10.0
T = TypeVar("T")
U = TypeVar("U")
Pair = tuple[TlsTransport, TlsTransport]
Wires = tuple[socket.socket, socket.socket]
Ends = tuple[MeteredTransport, MeteredTransport]


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("alice"), "alice\x1b[31m")


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("bob"), "bob")


@pytest.fixture
def wires() -> Iterator[Wires]:
    """Two ends of a connection."""
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(TIMEOUT_S)
        right.settimeout(TIMEOUT_S)
        yield left, right


@pytest.fixture
def ends(wires: Wires) -> Iterator[Ends]:
    """The same ends, as TLS takes them."""
    left, right = (MeteredTransport(wire) for wire in wires)
    yield left, right
    left.close()
    right.close()


def at_once(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
    with ThreadPoolExecutor() as pool:
        one, two = pool.submit(first), pool.submit(second)
        return one.result(TIMEOUT_S), two.result(TIMEOUT_S)


@pytest.fixture
def secured(ends: Ends, alice: Identity, bob: Identity) -> Pair:
    """Alice, who connected, and Bob, who listened."""
    return at_once(
        lambda: TlsTransport(ends[0], tls_context(alice), TIMEOUT_S, server=False),
        lambda: TlsTransport(ends[1], tls_context(bob), TIMEOUT_S, server=True),
    )


def received(side: TlsTransport, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = side.recv(65536, TIMEOUT_S)
        assert part, "the connection ended early"
        data += part
    return data


def test_each_side_knows_the_others_fingerprint(secured: Pair, alice: Identity, bob: Identity) -> None:
    """Proved by the handshake; the name in the certificate is made printable."""
    assert secured[0].peer_fingerprint == bob.fingerprint
    assert secured[1].peer_fingerprint == alice.fingerprint
    assert secured[1].peer_name == "alice\ufffd[31m"


def test_bytes_pass_both_ways_and_end(secured: Pair) -> None:
    """What is sent arrives, a goodbye is an end of file, and closing twice does nothing."""
    secured[0].sendall(b"from alice", TIMEOUT_S)
    secured[1].sendall(b"from bob", TIMEOUT_S)
    assert received(secured[1], 10) == b"from alice"
    assert received(secured[0], 8) == b"from bob"
    secured[0].send_eof()
    assert secured[1].recv(10, TIMEOUT_S) == b""
    secured[0].close()
    secured[0].close()


def test_two_threads_send_and_receive_at_once(secured: Pair) -> None:
    """Two megabytes each way, at the same time, by four threads; small reads on one side."""
    data = bytes(range(256)) * 8192
    alice, bob = secured
    with ThreadPoolExecutor() as pool:
        sending = [pool.submit(side.sendall, data, TIMEOUT_S) for side in secured]
        receiving = [pool.submit(received, side, len(data)) for side in secured]
        assert all(future.result(TIMEOUT_S) is None for future in sending)
        assert [future.result(TIMEOUT_S) for future in receiving] == [data, data]
    alice.sendall(b"more", TIMEOUT_S)
    assert bob.recv(1, TIMEOUT_S) == b"m"
    assert received(bob, 3) == b"ore"


@pytest.mark.parametrize("rate_bps", [3000, 9600])
def test_the_rate_limit_and_the_meters_count_what_the_wire_carries(
    wires: Wires, alice: Identity, bob: Identity, clock: FakeClock, rate_bps: int
) -> None:
    """Handshake and records included: over any second no more than the limit, over long times all of it.

    A message becomes one record, so that TLS costs 22 bytes a message.
    """
    limited, free = MeteredTransport(wires[0], clock, rate_bps), MeteredTransport(wires[1])
    with contextlib.closing(limited), contextlib.closing(free):
        secured = at_once(
            lambda: TlsTransport(limited, tls_context(alice), TIMEOUT_S, server=False),
            lambda: TlsTransport(free, tls_context(bob), TIMEOUT_S, server=True),
        )
        handshake_bytes = limited.sent.total_bytes

        def send() -> None:
            for _ in range(10):
                secured[0].sendall(bytes(400), TIMEOUT_S)

        assert at_once(send, lambda: received(secured[1], 4000)) == (None, bytes(4000))
    counted = limited.sent.counted
    assert limited.sent.total_bytes == free.received.total_bytes == handshake_bytes + 10 * (400 + 22)
    assert limited.sent.total_bytes * 8 / (counted[-1][0] - counted[0][0]) == pytest.approx(rate_bps, rel=0.02)
    for start_s, _ in counted[::20]:
        second_bytes = sum(size for time_s, size in counted if start_s <= time_s < start_s + 1)
        assert second_bytes * 8 <= rate_bps * (1 + 3 * SLICE_S)


def test_nothing_is_sent_in_the_clear(wires: Wires, ends: Ends, alice: Identity) -> None:
    """The first bytes are a TLS 1.3 handshake, whatever follows."""
    with contextlib.suppress(LinkError):
        TlsTransport(ends[0], tls_context(alice), 0.0, server=False)
    hello = wires[1].recv(4096)
    assert hello[:1] == b"\x16"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_others_are_told_what_is_missing(wires: Wires, ends: Ends, bob: Identity, version: ssl.TLSVersion) -> None:
    """TLS 1.2, and a client without a certificate, fail the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version

    def stranger() -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(wires[0]) as secured:
            secured.recv(10)

    with pytest.raises(HandshakeFailed, match=r"unsupported protocol|certificate"):
        at_once(stranger, lambda: TlsTransport(ends[1], tls_context(bob), TIMEOUT_S, server=True))


def test_a_clear_sender_is_told_apart(wires: Wires, ends: Ends, bob: Identity) -> None:
    """A sender without --tls is named as such."""
    wires[0].sendall(PREAMBLE)
    with pytest.raises(HandshakeFailed, match="start both sides with --tls"):
        TlsTransport(ends[1], tls_context(bob), TIMEOUT_S, server=True)


def test_a_clear_receiver_is_told_apart(wires: Wires, ends: Ends, alice: Identity) -> None:
    """A receiver without --tls is named as such, by both sides."""
    wires[1].sendall(PREAMBLE)
    with pytest.raises(HandshakeFailed, match="start both sides with --tls"):
        TlsTransport(ends[0], tls_context(alice), TIMEOUT_S, server=False)
    with pytest.raises(RemoteProtocolError, match="--tls"):
        ReceiverProtocol().receive_data(wires[1].recv(4096))


def test_a_slow_handshake_ends_in_time(wires: Wires, ends: Ends, bob: Identity) -> None:
    """A peer that trickles bytes does not get more time with each: the whole handshake has one deadline."""

    class Ticking(FakeClock):
        def monotonic_s(self) -> float:
            self.advance(1.0)
            return self.now_s

    wires[0].sendall(b"\x16\x03\x01")
    feeding = threading.Event()

    def trickle() -> None:
        while not feeding.wait(0.001):
            with contextlib.suppress(OSError):
                wires[0].sendall(b"\x01")

    feeder = threading.Thread(target=trickle)
    feeder.start()
    try:
        with pytest.raises(HandshakeFailed, match="in time"):
            TlsTransport(ends[1], tls_context(bob), 5.0, Ticking(), server=True)
    finally:
        feeding.set()
        feeder.join()


def test_a_silent_peer_ends_in_time(ends: Ends, bob: Identity) -> None:
    """A connection that says nothing ends after the handshake's time."""
    with pytest.raises(HandshakeFailed, match="in time"):
        TlsTransport(ends[1], tls_context(bob), 0.01, SYSTEM_CLOCK, server=True)


def test_a_peer_that_leaves_is_lost(ends: Ends, bob: Identity) -> None:
    """A connection that closes during the handshake is a lost one."""
    ends[0].close()
    with pytest.raises(ConnectionLost):
        TlsTransport(ends[1], tls_context(bob), TIMEOUT_S, server=True)


def test_flipped_bytes_break_the_connection(secured: Pair, wires: Wires) -> None:
    """What was changed on the way is never delivered."""
    wires[0].sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(OSError, match="TLS broke"):
        secured[1].recv(10, TIMEOUT_S)


def test_timeouts_are_the_sockets(secured: Pair) -> None:
    """Waiting ends as with any socket."""
    with pytest.raises(TimeoutError):
        secured[0].recv(1, 0.01)


def test_a_context_offers_nothing_older(alice: Identity) -> None:
    """Its first message lists TLS 1.3 alone."""
    client = SSL.Connection(tls_context(alice), None)
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    supported_versions = bytes.fromhex("002b 0003 02 0304")
    assert supported_versions in client.bio_read(4096)
