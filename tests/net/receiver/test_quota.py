"""Limits of what a receiver takes, each at its edge and one past it."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from net.protocol.messages import End, Refusal
from net.receiver.quota import BLOCK_BYTES, DAY_S, FRAME_BYTES, LOOK_EVERY_S, MAX_PEERS, Quota
from net.settings import QuotaLimits, ReceiverSettings
from tests.clock import FakeClock
from tests.net.protocol.exchange import HELLO, chunk

HOP = HELLO.chunk_samples - HELLO.overlap_samples
STREAM_BYTES = 2 * BLOCK_BYTES
"""Charged for a stream's WAV and checkpoint before anything comes."""
CHUNK_BYTES = FRAME_BYTES + len(chunk().payload)


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Free bytes of the disk, which a test may set."""
    free_bytes = [1 << 40]
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1 << 41, 0, free_bytes[0]))
    return free_bytes


def quota_of(clock: FakeClock, *, chunk_files: bool = False, **limits: float | None) -> Quota:
    chosen = QuotaLimits(**limits)  # type: ignore[arg-type]
    settings = ReceiverSettings(save_path=Path(), save_chunks=chunk_files, intake=chosen)
    return Quota(settings, clock)


def refused(code: str) -> "pytest.RaisesExc[Refusal]":
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


def test_the_length_of_a_stream(clock: FakeClock) -> None:
    """A stream that lasts as long as it may is taken whole; a sample more is not."""
    stream = quota_of(clock, max_stream_s=2.0).open(HELLO, "peer")
    stream.take(chunk(0))
    stream.take(chunk(1))
    stream.take_end(End(3, 32000, True))
    stream = quota_of(clock, max_stream_s=2.0).open(HELLO, "peer")
    with refused("limit"):
        stream.take(chunk(2, samples=32001 - 2 * HOP))
    with refused("limit"):
        stream.take_end(End(3, 32001, True))


def test_the_bytes_of_a_stream(clock: FakeClock) -> None:
    """Two chunks fit exactly; with a byte less room the second is refused."""
    stream = quota_of(clock, max_stream_bytes=2 * CHUNK_BYTES).open(HELLO, "peer")
    stream.take(chunk(0))
    stream.take(chunk(1))
    with refused("limit"):
        stream.take(chunk(2))
    stream = quota_of(clock, max_stream_bytes=2 * CHUNK_BYTES - 1).open(HELLO, "peer")
    stream.take(chunk(0))
    with refused("limit"):
        stream.take(chunk(1))


def test_the_seconds_and_bytes_of_a_peer(clock: FakeClock) -> None:
    """They are counted over all its streams and for a day; another peer has its own account."""
    for limits in ({"max_peer_s": 2.0}, {"max_peer_bytes": 2 * CHUNK_BYTES}):
        shared = quota_of(clock, **limits)
        shared.open(HELLO, "peer").take(chunk(0))
        shared.open(HELLO, "peer").take(chunk(0))
        with refused("limit"):
            shared.open(HELLO, "peer").take(chunk(0, samples=320, num_streams=1))
        shared.open(HELLO, "other").take(chunk(0))
        clock.advance(DAY_S + 1)
        shared.open(HELLO, "peer").take(chunk(0))


def test_the_bytes_on_the_disk(clock: FakeClock) -> None:
    """The last byte that may be saved is saved; what would be one more is refused before it is decoded."""
    needed = STREAM_BYTES + 2 * 16000 + CHUNK_BYTES
    exact = quota_of(clock, max_disk_bytes=needed)
    exact.open(HELLO, "peer").take(chunk(0))
    assert exact.disk_bytes == needed
    short = quota_of(clock, max_disk_bytes=needed - 1)
    stream = short.open(HELLO, "peer")
    with refused("storage"):
        stream.take(chunk(0))
    with refused("storage"):
        quota_of(clock, max_disk_bytes=STREAM_BYTES - 1).open(HELLO, "peer")


def test_silence_and_chunk_files_are_charged(clock: FakeClock) -> None:
    """What was left out becomes silence on the disk, at the end, too; each chunk's file takes a block."""
    shared = quota_of(clock)
    stream = shared.open(HELLO, "peer")
    stream.take(chunk(9))
    assert shared.disk_bytes == STREAM_BYTES + 2 * (9 * HOP + 16000) + CHUNK_BYTES
    stream.take_end(End(100, 99 * HOP + 16000, True))
    assert shared.disk_bytes == STREAM_BYTES + 2 * (99 * HOP + 16000) + CHUNK_BYTES
    shared = quota_of(clock, chunk_files=True)
    shared.open(HELLO, "peer").take(chunk(0))
    assert shared.disk_bytes >= 2 * BLOCK_BYTES + 2 * 2 * 16000 + CHUNK_BYTES


def test_what_was_saved_before_is_not_charged_again(clock: FakeClock) -> None:
    """A stream that goes on, here or from another receiver, pays for what is new."""
    resumed = replace(HELLO, resume=True)
    shared = quota_of(clock)
    shared.open(resumed, "peer").take(chunk(1000))
    assert shared.disk_bytes == STREAM_BYTES + 2 * 16000 + CHUNK_BYTES
    shared = quota_of(clock)
    stream = shared.open(resumed, "peer")
    stream.resume(10 * HOP, 0)
    stream.take(chunk(10))
    assert shared.disk_bytes == STREAM_BYTES + 2 * 16000 + CHUNK_BYTES


def test_what_an_earlier_process_saved_counts_for_the_disk_once(clock: FakeClock) -> None:
    """After a restart the files of a stream that goes on count; when its sender comes again they do not count twice."""
    shared = quota_of(clock, max_disk_bytes=12 * BLOCK_BYTES)
    shared.open(HELLO, "peer").resume(HOP, 5 * BLOCK_BYTES)
    assert shared.disk_bytes == 7 * BLOCK_BYTES
    shared.open(HELLO, "peer").resume(HOP, 5 * BLOCK_BYTES)
    assert shared.disk_bytes == 9 * BLOCK_BYTES
    with refused("storage"):
        shared.open(replace(HELLO, stream_id=bytes(16)), "peer").resume(HOP, 5 * BLOCK_BYTES)


def test_the_disk_is_never_filled(clock: FakeClock, free: list[int]) -> None:
    """At the floor of free space a stream goes on; below it, it ends, at the next look."""
    stream = quota_of(clock, min_free_bytes=1 << 20).open(HELLO, "peer")
    clock.advance(LOOK_EVERY_S)
    free[0] = (1 << 20) + 2 * 16000 + CHUNK_BYTES
    stream.take(chunk(0))
    free[0] = 0
    stream.take(chunk(1))
    clock.advance(LOOK_EVERY_S)
    with refused("storage"):
        stream.take(chunk(2))
    free[0] = (1 << 20) + STREAM_BYTES - 1
    with refused("storage"):
        quota_of(clock, min_free_bytes=1 << 20).open(HELLO, "peer")


def test_accounts_are_few(clock: FakeClock) -> None:
    """However many peers come, the table stays small."""
    shared = quota_of(clock)
    for number in range(MAX_PEERS + 50):
        shared.open(HELLO, str(number))
    assert len(shared._peers) == MAX_PEERS
