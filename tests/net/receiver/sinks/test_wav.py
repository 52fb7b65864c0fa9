"""Sinks for sound files on a disk that takes nothing."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec.chunks.streaming import Contribution
from codec.errors import AudioFileError
from net.receiver.sinks.wav import ChunkFilesSink
from tests.net.links import read_pcm16

SOUND = np.full(1600, 0.25, np.float32)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def open_files() -> int:
    return len(os.listdir("/dev/fd"))


def test_a_full_disk_takes_no_descriptors(tmp_path: Path) -> None:
    """Each try that fails closes what it opened; when the disk takes sound again, the chunk's file is whole."""
    sink = ChunkFilesSink(tmp_path / "chunks", 16000)
    sink.write(Contribution(0, SOUND))
    before = open_files()
    with full_disk():
        for _ in range(100):
            with pytest.raises(AudioFileError):
                sink.write(Contribution(1, SOUND))
    assert open_files() <= before
    sink.write(Contribution(1, SOUND))
    sink.close()
    assert len(read_pcm16(tmp_path / "chunks" / "chunk_000001.wav")) == len(SOUND)
