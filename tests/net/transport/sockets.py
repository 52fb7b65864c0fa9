"""Transports on sockets, and meters that remember, for the tests of what stands on them."""

import socket

from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.telemetry.meters import RateMeter
from net.transport.socket_transport import SocketTransport


class RecordingMeter(RateMeter):
    """Knows when it counted how many bytes."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock)
        self._own_clock = clock
        self.counted: list[tuple[float, int]] = []

    def add(self, size_bytes: int) -> None:
        self.counted.append((self._own_clock.monotonic_s(), size_bytes))
        super().add(size_bytes)

    @property
    def total_bytes(self) -> int:
        return sum(size for _, size in self.counted)


class MeteredTransport(SocketTransport):
    """A socket's transport with meters of its own."""

    def __init__(
        self, connection: socket.socket, clock: Clock = SYSTEM_CLOCK, rate_limit_bps: int | None = None
    ) -> None:
        self.sent, self.received = RecordingMeter("sent", clock), RecordingMeter("received", clock)
        super().__init__(connection, clock, self.sent, self.received, rate_limit_bps)
