"""What of a stream counts as saved, and may be acknowledged, while the disk works and while it does not."""

import errno
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from codec.chunks.streaming import Contribution
from codec.codec import Codec
from codec.errors import ContainerError
from net.protocol.messages import End
from net.receiver.context import ReceiverContext
from net.receiver.resume_checkpoint import ResumeCheckpoint
from net.receiver.sinks.retrying import KEPT_S, RETRY_S
from net.receiver.stream_files import StreamFiles
from tests.clock import FakeClock
from tests.net.links import read_pcm16
from tests.net.protocol.exchange import HELLO, chunk
from tests.net.receiver.contexts import make_context, texts
from tests.net.receiver.disks import full_disk, open_descriptors

SAMPLES = 1600


class Saving:
    """The files of one stream, fed with a chunk at a time."""

    def __init__(self, folder: Path, codec: Codec, clock: FakeClock, *, live: bool = False, **settings: object) -> None:
        self.clock, self.folder = clock, folder
        self.context: ReceiverContext = make_context(folder, codec, clock, **settings)
        self.files = StreamFiles(self.context, replace(HELLO, live=live), None, codec)
        self.count = 0

    def feed(self, chunks: int) -> None:
        for _ in range(chunks):
            self.files.write(chunk(self.count))
            self.files.write(Contribution(self.count, np.full(SAMPLES, 0.1, np.float32)))
            self.count += 1

    def pass_time(self, duration_s: float) -> None:
        """Look after the files, as their stream does, while nothing comes."""
        for _ in range(round(duration_s / RETRY_S)):
            self.clock.advance(RETRY_S)
            self.files.poll()

    @property
    def standing(self) -> tuple[int, int, int]:
        """Chunks that are saved, that may be acknowledged, and that a new process would find."""
        position = ResumeCheckpoint(self.folder, HELLO.stream_id).read()
        return self.files.saved_chunks, self.files.settled_chunks, position.chunks if position else 0


@pytest.fixture
def saving(tmp_path: Path, tiny_codec: Codec, clock: FakeClock) -> Saving:
    return Saving(tmp_path, tiny_codec, clock, save_chunks=True, save_codes=True)


def test_what_is_on_disk_may_be_acknowledged_at_once(saving: Saving) -> None:
    """Sound, chunk files, codes and checkpoint are written together."""
    saving.feed(3)
    assert saving.standing == (3, 3, 3)
    assert saving.files.saved_samples == 3 * SAMPLES
    saving.files.close(None)


def test_what_waits_for_the_disk_may_not_be_acknowledged(saving: Saving) -> None:
    """A process that is killed while the disk is full has lost nothing that its sender does not still have."""
    saving.feed(3)
    with full_disk():
        saving.feed(5)
        assert saving.standing == (3, 3, 3)
        saving.pass_time(KEPT_S / 2)
        assert saving.standing == (3, 3, 3)
    saving.pass_time(RETRY_S)
    assert saving.standing == (8, 8, 8)
    saving.files.close(End(8, 8 * SAMPLES, True))
    assert len(read_pcm16(saving.files.paths[0])) == 8 * SAMPLES
    assert saving.files.loss is None


def test_a_file_does_not_wait_for_ever(saving: Saving) -> None:
    """Nothing newer can come while the window is closed: what waits is given up after a time, and that is told."""
    saving.feed(3)
    with full_disk():
        saving.feed(5)
        saving.pass_time(KEPT_S - 1)
        assert saving.standing == (3, 3, 3)
        saving.pass_time(1)
        assert saving.standing == (8, 8, 3)
        assert any("left out" in text for text in texts(saving.context))
        saving.feed(1)
        assert saving.standing == (8, 8, 3)
    saving.pass_time(RETRY_S)
    assert saving.standing == (9, 9, 9)
    saving.files.close(End(9, 9 * SAMPLES, True))
    sound = read_pcm16(saving.files.paths[0])
    assert [bool(sound[index * SAMPLES]) for index in range(9)] == [True] * 3 + [False] * 5 + [True]
    assert "0.5 s are missing" in str(saving.files.loss) or "0.5 s" in "".join(texts(saving.context))


def test_live_sound_does_not_wait_for_the_disk(tmp_path: Path, tiny_codec: Codec, clock: FakeClock) -> None:
    """It may be acknowledged when it has been decoded, though it is not saved, so that it is heard without a gap."""
    saving = Saving(tmp_path, tiny_codec, clock, live=True)
    saving.feed(3)
    with full_disk():
        saving.feed(5)
        assert saving.standing == (3, 8, 3)
    saving.pass_time(RETRY_S)
    assert saving.standing == (8, 8, 8)
    saving.files.close(None)


def test_sound_is_written_where_only_the_checkpoint_fails(saving: Saving, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not acknowledged before a new process would find it, nor held back for ever."""

    def fail(*_arguments: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as folder:
        folder.setattr("net.receiver.resume_checkpoint.write_atomically", fail)
        saving.feed(2)
        assert saving.standing == (0, 0, 0)
        assert len(read_pcm16(saving.files.paths[0])) == 2 * SAMPLES
        assert sum("Permission denied" in text for text in texts(saving.context)) == 1
        saving.pass_time(KEPT_S)
        assert saving.standing == (2, 2, 0)
    saving.feed(1)
    saving.pass_time(RETRY_S)
    assert saving.standing == (3, 3, 3)
    saving.files.close(None)


def test_files_that_cannot_all_be_opened_are_all_closed(
    tmp_path: Path, tiny_codec: Codec, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No descriptor is left of those that could."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise ContainerError("cannot write")

    monkeypatch.setattr("net.receiver.stream_files.CodesSink", fail)
    before = open_descriptors()
    with pytest.raises(ContainerError):
        Saving(tmp_path, tiny_codec, clock, save_codes=True)
    assert open_descriptors() == before
