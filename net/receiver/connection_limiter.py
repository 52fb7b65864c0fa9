"""Limits on connections in all and for each address, and a growing wait for addresses that broke the rules.

Checked for each connection before a thread or a byte is spent on it. Addresses are held in a table of bounded size; a
network of IPv6 (/64), which one peer can have to itself, counts as one address.
"""

import ipaddress
import math
import threading
from collections import OrderedDict
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from net.runtime.clock import Clock
from net.settings import ConnectionLimits
from net.transport.listening import is_loopback

IPV6_NETWORK_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a connection is not admitted now, for people."""

    reason: str
    crowded: bool = True
    """Whether there would be room if another connection left."""


@dataclass(slots=True)
class _Address:
    connections: int = 0
    faults: int = 0
    last_fault_s: float = -math.inf
    closed_until_s: float = 0.0


class ConnectionSlot(AbstractContextManager["ConnectionSlot"]):
    """The slot of one connection that was admitted; a context manager that frees it."""

    def __init__(self, limiter: "ConnectionLimiter", address: str) -> None:
        self._limiter, self.address = limiter, address
        self._lock = threading.Lock()
        self.is_free = False
        """Whether it was freed."""

    def report_fault(self) -> None:
        """Count a broken protocol, a failed handshake or a handshake out of time against the address."""
        self._limiter.count_fault(self.address)

    def free(self) -> None:
        """Make room for another connection; doing it twice does nothing."""
        with self._lock:
            was_free, self.is_free = self.is_free, True
        if not was_free:
            self._limiter.count_out(self.address)

    def __exit__(self, *_error: object) -> None:
        self.free()


class ConnectionLimiter:
    """Admits connections. Any thread may call any method; none blocks."""

    def __init__(self, limits: ConnectionLimits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        self._lock = threading.Lock()
        self._connections = 0
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    @property
    def connections(self) -> int:
        """Connections that have a slot now."""
        with self._lock:
            return self._connections

    def admit(self, host: str) -> ConnectionSlot | Rejection:
        """Give a connection from `host` (as `getpeername` returns it) a slot, or return why not."""
        key = counted_address(host)
        with self._lock:
            now_s = self._clock.monotonic_s()
            address = self._addresses.get(key) or _Address()
            rejection = self._rejection(address, now_s)
            if rejection is not None:
                return rejection
            address.connections += 1
            self._connections += 1
            self._keep(key, address, now_s)
        return ConnectionSlot(self, key)

    def count_fault(self, key: str) -> None:
        """Count a fault against an address; beyond those forgiven, each doubles the time for which it must wait.

        This machine's own address never waits: all that runs on it, tunnels included, would wait for one's faults.
        """
        if is_loopback(key):
            return
        with self._lock:
            now_s = self._clock.monotonic_s()
            address = self._addresses.get(key) or _Address()
            if now_s - address.last_fault_s > self._limits.forget_s:
                address.faults = 0
            address.faults += 1
            address.last_fault_s = now_s
            beyond = address.faults - self._limits.faults_forgiven
            if beyond > 0:
                # 2 to the power of a large count would not be a float any more
                wait_s = min(self._limits.first_wait_s * 2.0 ** min(beyond - 1, 64), self._limits.max_wait_s)
                address.closed_until_s = now_s + wait_s
            self._keep(key, address, now_s)

    def count_out(self, key: str) -> None:
        """Count a connection out; for `ConnectionSlot.free`."""
        with self._lock:
            self._connections -= 1
            self._addresses[key].connections -= 1

    def _rejection(self, address: _Address, now_s: float) -> Rejection | None:
        wait_s = address.closed_until_s - now_s
        if wait_s > 0:
            reason = f"too many broken connections came from this address: wait {wait_s:.1f} s"
            return Rejection(reason, crowded=False)
        if address.connections >= self._limits.max_per_address:
            return Rejection(f"this address has {address.connections} connections, the most that it may have")
        if self._connections >= self._limits.max_connections:
            return Rejection(f"all {self._connections} connections are in use")
        return None

    def _keep(self, key: str, address: _Address, now_s: float) -> None:
        """Keep an address; where there are too many, forget those without connections or fresh faults."""
        self._addresses[key] = address
        self._addresses.move_to_end(key)
        if len(self._addresses) <= self._limits.max_addresses:
            return
        idle = [other for other, kept in self._addresses.items() if not kept.connections and other != key]
        harmless = [other for other in idle if now_s - self._addresses[other].last_fault_s > self._limits.forget_s]
        for other in harmless or idle[:1]:
            del self._addresses[other]


def counted_address(host: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 network; the host itself where it is neither."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_NETWORK_BITS), strict=False))
