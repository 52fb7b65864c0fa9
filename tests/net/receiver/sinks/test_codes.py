"""Codes on a disk that fails."""

import shutil
from pathlib import Path

import pytest

from codec.container import EscReader
from codec.errors import ContainerError
from net.protocol.messages import End
from net.receiver.sinks.codes import CodesSink
from tests.net.protocol.exchange import HELLO, chunk
from tests.net.receiver.disks import full_disk

HOP = HELLO.chunk_samples - HELLO.overlap_samples


def end_after(chunks: int) -> End:
    return End(chunks, (chunks - 1) * HOP + HELLO.chunk_samples, True)


def stored(path: Path, *, finished: bool = True) -> list[int | None]:
    """The indexes of the stored chunks, None for those that are missing."""
    with EscReader(path) as reader:
        assert len(reader.damage()) == (0 if finished else 1)  # that it is cut off
        return [chunk and chunk.index for chunk in reader.chunks()]


@pytest.fixture
def sink(tmp_path: Path) -> CodesSink:
    return CodesSink(tmp_path / "out" / "a.esc", HELLO, 320)


@pytest.mark.parametrize("room_bytes", [0, 1, 17])
def test_a_write_that_failed_can_be_tried_again(sink: CodesSink, room_bytes: int) -> None:
    """Also where it was cut off within a chunk: the file is what it would be without the fault."""
    sink.write(chunk(0))
    (part,) = sink.path.parent.iterdir()
    with full_disk(part.stat().st_size + room_bytes), pytest.raises(ContainerError):
        sink.write(chunk(1))
    assert stored(part, finished=False) == [0]
    sink.write(chunk(1))
    sink.close(end_after(2))
    assert stored(sink.path) == [0, 1]


def test_a_chunk_that_was_given_up_is_missing(sink: CodesSink) -> None:
    """The file lacks it, and says so; what comes after is at its place."""
    sink.write(chunk(0))
    with full_disk(), pytest.raises(ContainerError):
        sink.write(chunk(1))
    sink.write_gap(1, HELLO.chunk_samples)
    sink.write(chunk(2))
    sink.close(end_after(3))
    assert stored(sink.path) == [0, None, 2]


def test_a_file_whose_end_cannot_be_written_is_kept(sink: CodesSink) -> None:
    """It has its name and all that was written before, without an index."""
    sink.write(chunk(0))
    with full_disk(), pytest.raises(ContainerError):
        sink.close(end_after(1))
    assert stored(sink.path, finished=False) == [0]
    assert [path.name for path in sink.path.parent.iterdir()] == ["a.esc"]
    sink.close(end_after(1))


def test_a_file_that_was_removed_is_written_anew(sink: CodesSink) -> None:
    """Nothing of it is lost while it is open."""
    sink.write(chunk(0))
    shutil.rmtree(sink.path.parent)
    sink.write(chunk(1))
    sink.close(end_after(2))
    assert stored(sink.path) == [0, 1]
