"""The sound of streams in a pipe, for another program."""

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from codec.codec import Codec
from codec.errors import AudioFileError, UsageError
from codec.types import Audio
from net.receiver.sinks.pipe import PipeOutput, endless_wav_header
from net.telemetry.stream_context import StreamContext
from tests.clock import FakeClock
from tests.net.contexts import sender_context
from tests.net.links import DEADLINE_S, make_receiver, make_sender, read_pcm16, running, write_speech
from tests.net.protocol.exchange import HELLO

LIVE = replace(HELLO, live=True)
SOUND = np.linspace(-1, 1, 500, dtype=np.float32)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def context(clock: FakeClock) -> StreamContext:
    return sender_context(clock)


class Reader:
    """Reads a named pipe to its end, or so many bytes."""

    def __init__(self, path: Path, most: int = -1) -> None:
        self.data = b""
        self._path, self._most = path, most
        self.thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Reader":
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.thread.join(DEADLINE_S)

    def _read(self) -> None:
        with self._path.open("rb") as pipe:
            self.data = pipe.read(self._most)


@pytest.fixture
def output(fifo: Path) -> Iterator[PipeOutput]:
    output = PipeOutput(fifo, pytest.fail, wav=False)
    output.check()
    output.open()
    yield output
    output.close()


def pcm(audio: Audio) -> bytes:
    return np.rint(audio * np.float32(32767)).astype("<i2").tobytes()


def test_streams_follow_one_another(output: PipeOutput, fifo: Path, context: StreamContext) -> None:
    """With nothing between them; one that begins beside another is only saved, and that is said."""
    with Reader(fifo) as reader:
        first = output.claim(context, HELLO)
        assert first is not None
        assert output.claim(context, HELLO) is None
        first.write(SOUND)
        first.release()
        second = output.claim(context, HELLO)
        assert second is not None
        second.write(-SOUND)
        second.release()
        output.close()
    assert reader.data == pcm(SOUND) + pcm(-SOUND)
    assert [event.text for event in context.events.since(0)] == [
        f"{HELLO.name} is only saved: another stream has {fifo}"
    ]


def test_a_wav_begins_with_one_header_of_unknown_length(fifo: Path, context: StreamContext) -> None:
    """Programs read it to the end."""
    output = PipeOutput(fifo, pytest.fail, wav=True)
    with Reader(fifo) as reader:
        for _ in range(2):
            claimed = output.claim(context, HELLO)
            assert claimed is not None
            claimed.write(SOUND)
            claimed.release()
        output.close()
    header = endless_wav_header()
    assert reader.data == header + pcm(SOUND) * 2
    assert header[4:8] == header[40:44] == b"\xff" * 4
    with soundfile.SoundFile(io.BytesIO(reader.data)) as sound:
        assert (sound.samplerate, sound.channels, sound.subtype) == (16000, 1, "PCM_16")
        assert sound.read(1000, dtype="int16").tobytes() == pcm(SOUND) * 2


def test_a_slow_reader_is_waited_for(output: PipeOutput, fifo: Path, context: StreamContext) -> None:
    """More than the pipe holds is whole when it has been read."""
    long_sound = np.tile(SOUND, 200)
    claimed = output.claim(context, HELLO)
    assert claimed is not None
    writing = threading.Thread(target=claimed.write, args=(long_sound,))
    writing.start()
    with Reader(fifo) as reader:
        writing.join(DEADLINE_S)
        output.close()
    assert reader.data == pcm(long_sound)


@pytest.mark.parametrize("has_reader", [False, True])
def test_a_stop_ends_the_wait_for_a_reader(
    output: PipeOutput, fifo: Path, context: StreamContext, has_reader: bool
) -> None:
    """Whether there is none, or one that takes nothing."""
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK) if has_reader else None
    claimed = output.claim(context, HELLO)
    assert claimed is not None
    writing = threading.Thread(target=claimed.write, args=(np.tile(SOUND, 200),))
    writing.start()
    context.stopping.set()
    writing.join(DEADLINE_S)
    assert not writing.is_alive()
    if descriptor is not None:
        os.close(descriptor)


def test_live_sound_does_not_wait_for_a_reader(output: PipeOutput, fifo: Path, context: StreamContext) -> None:
    """What a full pipe does not take is left out, in whole samples, and counted."""
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    claimed = output.claim(context, LIVE)
    assert claimed is not None
    claimed.write(np.tile(SOUND, 200))
    claimed.release()
    output.close()
    taken = 0
    while data := os.read(descriptor, 1 << 20):
        taken += len(data)
    os.close(descriptor)
    assert 0 < taken < 200000
    assert taken % 2 == 0
    (event,) = context.events.since(0)
    missing_s = (200000 - taken) / 2 / HELLO.sample_rate
    assert event.text == f"{HELLO.name}: {missing_s:.1f} s are missing in {fifo}, whose reader was too slow"


@pytest.mark.parametrize("notice", ["write", "poll"])
def test_a_reader_that_goes_away_is_noticed_once(fifo: Path, context: StreamContext, notice: str) -> None:
    """At the next sound, or while there is none."""
    gone: list[str] = []
    output = PipeOutput(fifo, lambda: gone.append("gone"), wav=False)
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    claimed = output.claim(context, HELLO)
    assert claimed is not None
    claimed.write(SOUND)
    output.poll()
    assert gone == []
    os.close(descriptor)
    for _ in range(2):
        output.poll() if notice == "poll" else claimed.write(SOUND)
    assert gone == ["gone"]
    output.close()


def test_what_is_no_pipe_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a terminal, and nothing at all, each with what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is no pipe"):
        PipeOutput(tmp_path / "file", pytest.fail, wav=False).check()
    with pytest.raises(AudioFileError, match="mkfifo"):
        PipeOutput(tmp_path / "nowhere", pytest.fail, wav=False).check()
    monkeypatch.setattr(os, "isatty", lambda _descriptor: True)
    with pytest.raises(UsageError, match="standard output is a terminal"):
        PipeOutput(Path("-"), pytest.fail, wav=False).check()


def test_a_receiver_pipes_exactly_what_it_saves(tmp_path: Path, fifo: Path, tiny_codec: Codec) -> None:
    """Sample by sample, and to the end."""
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, output=fifo)
    sender = make_sender(write_speech(tmp_path / "in.wav", 100000), receiver.port, tiny_codec)
    with Reader(fifo) as reader, running(receiver, sender):
        assert receiver.wait(DEADLINE_S)
    assert reader.data == read_pcm16(receiver.snapshots()[0].files[0]).tobytes()
    assert len(reader.data) == 200000


def test_a_receiver_ends_in_order_without_its_reader(tmp_path: Path, fifo: Path, tiny_codec: Codec) -> None:
    """What came is saved, the sender is told, and nothing has failed here."""
    receiver = make_receiver(tmp_path / "out", tiny_codec, output=fifo)
    sender = make_sender(write_speech(tmp_path / "in.wav", 16000 * 60), receiver.port, tiny_codec, realtime=True)
    with Reader(fifo, 1000) as reader, running(receiver, sender):
        assert receiver.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
    assert len(reader.data) == 1000
    assert receiver.error is None
    assert len(read_pcm16(receiver.snapshots()[0].files[0])) >= 500
    assert "the receiver was stopped" in str(sender.error)
    assert "has gone away" in "".join(event.text for event in receiver.events_since(0))
