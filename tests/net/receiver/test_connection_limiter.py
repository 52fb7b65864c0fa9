import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from net.receiver.connection_limiter import ConnectionLimiter, ConnectionSlot, Rejection
from net.runtime.clock import SYSTEM_CLOCK
from net.settings import ConnectionLimits
from tests.clock import FakeClock

LIMITS = ConnectionLimits(
    max_connections=5,
    max_per_address=2,
    faults_forgiven=3,
    first_wait_s=1.0,
    max_wait_s=8.0,
    forget_s=100.0,
    max_addresses=10,
)


@pytest.fixture
def limiter(clock: FakeClock) -> ConnectionLimiter:
    return ConnectionLimiter(LIMITS, clock)


def let_in(limiter: ConnectionLimiter, host: str) -> ConnectionSlot:
    slot = limiter.admit(host)
    assert isinstance(slot, ConnectionSlot)
    return slot


def turned_away(limiter: ConnectionLimiter, host: str) -> Rejection:
    rejection = limiter.admit(host)
    assert isinstance(rejection, Rejection)
    return rejection


def wait_s(rejection: Rejection) -> float:
    found = re.search(r"wait ([0-9.]+) s", rejection.reason)
    assert found
    return float(found[1])


def test_connections_in_all_at_the_edge_and_past_it(limiter: ConnectionLimiter) -> None:
    """The fifth comes in, the sixth does not, until one has left; leaving twice counts once."""
    slots = [let_in(limiter, f"192.0.2.{number}") for number in range(5)]
    assert "all 5" in turned_away(limiter, "192.0.2.99").reason
    slots[0].free()
    slots[0].free()
    let_in(limiter, "192.0.2.99")
    turned_away(limiter, "192.0.2.100")


def test_connections_of_one_address_at_the_edge_and_past_it(limiter: ConnectionLimiter) -> None:
    """Two of one address come in, the third does not, and other addresses do not suffer."""
    with let_in(limiter, "192.0.2.1"), let_in(limiter, "192.0.2.1"):
        assert "this address" in turned_away(limiter, "192.0.2.1").reason
        let_in(limiter, "192.0.2.2").free()
    let_in(limiter, "192.0.2.1").free()
    assert limiter.connections == 0


def test_bad_peers_wait_longer_each_time(limiter: ConnectionLimiter, clock: FakeClock) -> None:
    """Three faults are forgiven, then the wait doubles up to its longest; others do not wait."""
    waits = []
    for _ in range(9):
        slot = limiter.admit("192.0.2.1")
        if isinstance(slot, Rejection):
            waits.append(wait_s(slot))
            clock.advance(wait_s(slot))
            slot = let_in(limiter, "192.0.2.1")
        slot.report_fault()
        slot.free()
        let_in(limiter, "192.0.2.2").free()
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_a_wait_ends_on_time(limiter: ConnectionLimiter, clock: FakeClock) -> None:
    """Just before, the peer is turned away; then it comes in."""
    with let_in(limiter, "192.0.2.1") as slot:
        for _ in range(4):
            slot.report_fault()
    clock.advance(0.999)
    turned_away(limiter, "192.0.2.1")
    clock.advance(0.001)
    let_in(limiter, "192.0.2.1").free()


def test_faults_are_forgotten(limiter: ConnectionLimiter, clock: FakeClock) -> None:
    """After long enough without a fault, an address is as good as any."""
    with let_in(limiter, "192.0.2.1") as slot:
        for _ in range(3):
            slot.report_fault()
        clock.advance(100.1)
        for _ in range(3):
            slot.report_fault()
    let_in(limiter, "192.0.2.1").free()


def test_a_million_faults_are_no_problem(limiter: ConnectionLimiter) -> None:
    """The wait stays at its longest."""
    with let_in(limiter, "192.0.2.1") as slot:
        for _ in range(5000):
            slot.report_fault()
    assert wait_s(turned_away(limiter, "192.0.2.1")) == 8.0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::2%eth1"),
    ],
)
def test_what_counts_as_one_address(limiter: ConnectionLimiter, first: str, second: str) -> None:
    """A /64 of IPv6, an IPv4 address however it is written; the next network is another."""
    with let_in(limiter, first), let_in(limiter, second):
        turned_away(limiter, second)
        let_in(limiter, "2001:db8:0:1::1").free()


def test_the_table_stays_small(limiter: ConnectionLimiter, clock: FakeClock) -> None:
    """A thousand addresses leave at most ten behind; those with connections or fresh faults stay longest."""
    guest = let_in(limiter, "192.0.2.1")
    with let_in(limiter, "192.0.2.2") as bad:
        for _ in range(4):
            bad.report_fault()
    for number in range(1000):
        clock.advance(0.0001)
        let_in(limiter, f"198.51.{number // 250}.{number % 250}").free()
    assert len(limiter._addresses) <= 10
    turned_away(limiter, "192.0.2.2")
    guest.free()


def test_an_unusual_address_is_one_too(limiter: ConnectionLimiter) -> None:
    """A Unix socket's empty name does no harm."""
    let_in(limiter, "").free()


def test_threads_do_not_lose_count() -> None:
    """After ten thousand connections from eight threads nobody is in."""
    limiter = ConnectionLimiter(ConnectionLimits(max_connections=4, max_per_address=2), SYSTEM_CLOCK)

    def connect_often(seed: int) -> None:
        for number in range(1250):
            slot = limiter.admit(f"192.0.2.{(seed * number) % 5}")
            if isinstance(slot, ConnectionSlot):
                assert limiter.connections <= 4
                slot.free()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(connect_often, range(8)))
    assert limiter.connections == 0


def test_this_machine_never_waits(clock: FakeClock) -> None:
    """A fault of one program here does not shut the door for the others."""
    limiter = ConnectionLimiter(ConnectionLimits(faults_forgiven=1), clock)
    for _ in range(20):
        let_in(limiter, "127.0.0.1").report_fault()
    let_in(limiter, "127.0.0.1").free()
