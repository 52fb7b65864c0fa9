import threading

import pytest

from net.transport.pacing import TokenBucket
from tests.clock import FakeClock

NEVER = threading.Event()


@pytest.mark.parametrize("rate_bps", [3000, 9600, 64000])
def test_the_rate_limit_holds_over_every_second(clock: FakeClock, rate_bps: int) -> None:
    """Over any second no more than the limit, and a slice of 20 ms, passes; over long times the limit is reached."""
    bucket = TokenBucket(rate_bps, clock)
    sent: list[tuple[float, int]] = []
    for _ in range(20):
        left = 1164
        while left:
            size = min(left, bucket.slice_bytes)
            bucket.wait_for(size, NEVER)
            sent.append((clock.now_s, size))
            left -= size
    duration_s = sent[-1][0] - sent[0][0]
    assert sum(size for _, size in sent) * 8 / duration_s == pytest.approx(rate_bps, rel=0.02)
    for start_s, _ in sent:
        window = sum(size for time_s, size in sent if start_s <= time_s < start_s + 1)
        assert window * 8 <= rate_bps + 3 * bucket.slice_bytes * 8


def test_a_pause_buys_no_burst(clock: FakeClock) -> None:
    """After an hour of rest at most one slice goes out at once."""
    bucket = TokenBucket(8000, clock)
    bucket.wait_for(bucket.slice_bytes, NEVER)
    clock.advance(3600)
    start_s = clock.now_s
    for _ in range(50):
        bucket.wait_for(bucket.slice_bytes, NEVER)
    assert clock.now_s - start_s >= 48 * 0.02
