"""Sinks for sound files on a disk that takes nothing."""

from pathlib import Path

import numpy as np

from codec.chunks.streaming import Contribution
from net.receiver.sinks.retrying import RETRY_S, RetryingSink
from net.receiver.sinks.wav import ChunkFilesSink
from tests.clock import FakeClock
from tests.net.links import read_pcm16
from tests.net.receiver.disks import full_disk, open_descriptors

SOUND = np.full(1600, 0.25, np.float32)


def test_a_full_disk_takes_no_descriptors(tmp_path: Path, clock: FakeClock) -> None:
    """Each retry that fails closes what it opened; when the disk takes sound again, the chunk's file is whole."""
    reports: list[str] = []
    sink = RetryingSink(
        ChunkFilesSink(tmp_path / "chunks", 16000), 0, 16000, clock, lambda text, _is_loss: reports.append(text)
    )
    sink.write(Contribution(0, SOUND))
    before = open_descriptors()
    with full_disk():
        sink.write(Contribution(1, SOUND))
        for _ in range(50):
            clock.advance(RETRY_S)
            sink.poll()
        assert open_descriptors() <= before
    clock.advance(RETRY_S)
    sink.poll()
    sink.close(None)
    assert len(read_pcm16(tmp_path / "chunks" / "chunk_000001.wav")) == len(SOUND)
    assert len(reports) == 2
