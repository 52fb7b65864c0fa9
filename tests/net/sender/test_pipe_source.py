"""A pipe as a source: what comes is what was written, and every wait ends."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec.codec import Codec
from codec.errors import AudioFileError, IncompleteSound, UsageError
from codec.sound.pcm import PcmFormat
from codec.sound.reading import read_sound
from codec.types import Audio
from net.sender.pipe_source import PipeSource, check_pipe
from net.sender.sources import SAMPLE_RATE
from net.settings import MicrophoneSettings, SenderSettings
from net.telemetry.stats import LinkState
from tests.conftest import WaitUntil
from tests.net.links import (
    DEADLINE_S,
    locally_coded,
    make_receiver,
    make_sender,
    read_pcm16,
    running,
    write_speech,
)

RAW = PcmFormat("s16le", SAMPLE_RATE, 1)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


class Writer:
    """Writes to a named pipe, in a thread, since a full pipe waits."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path, self._data = path, data
        self._thread = threading.Thread(target=self._write)
        self.error: OSError | None = None

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.join(DEADLINE_S)

    def _write(self) -> None:
        try:
            with self._path.open("wb", buffering=0) as pipe:
                for start in range(0, len(self._data), 1000):
                    pipe.write(self._data[start : start + 1000])
        except OSError as error:
            self.error = error


def read(source: PipeSource, first_sample: int = 0) -> Audio:
    blocks = [block.audio for block in source.blocks(threading.Event(), first_sample)]
    assert max(map(len, blocks), default=0) <= SAMPLE_RATE // 10
    return np.concatenate(blocks)


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (8000, 1)])
def test_a_pipe_gives_what_the_file_would(tmp_path: Path, fifo: Path, rate: int, channels: int) -> None:
    """At another rate, too: the resampled sound is that of the whole file, bit for bit."""
    path = write_speech(tmp_path / "in.wav", 30000, rate, channels)
    source = PipeSource(fifo)
    with Writer(fifo, path.read_bytes()):
        sound = read(source)
    source.close()
    source.close()
    np.testing.assert_array_equal(sound, read_sound(path))
    assert source.total_samples is None


def test_reading_begins_where_it_is_asked_to(tmp_path: Path, fifo: Path) -> None:
    """What a receiver has is skipped."""
    path = write_speech(tmp_path / "in.wav", 30000)
    source = PipeSource(fifo)
    with Writer(fifo, path.read_bytes()):
        sound = read(source, 12345)
    source.close()
    np.testing.assert_array_equal(sound, read_sound(path)[12345:])


def test_samples_that_are_no_numbers_are_silence(fifo: Path) -> None:
    """As in files."""
    source = PipeSource(fifo, PcmFormat("f32le", SAMPLE_RATE, 1))
    with Writer(fifo, np.array([0.5, np.nan, np.inf, -np.inf], "<f4").tobytes()):
        np.testing.assert_array_equal(read(source), [0.5, 0, 0, 0])
    source.close()


@pytest.fixture(params=["no writer", "a silent writer"])
def quiet_pipe(fifo: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    if request.param == "no writer":
        yield fifo
        return
    descriptor = os.open(fifo, os.O_RDWR)
    yield fifo
    os.close(descriptor)


def test_a_stop_ends_the_wait_for_a_writer(quiet_pipe: Path) -> None:
    """Neither opening nor reading holds a stopped sender up, and an end that comes from here is no fault."""
    source, stopping = PipeSource(quiet_pipe), threading.Event()
    read_all = threading.Thread(target=lambda: list(source.blocks(stopping)))
    read_all.start()
    stopping.set()
    read_all.join(DEADLINE_S)
    assert not read_all.is_alive()
    source.close()


def test_live_sound_comes_at_once(fifo: Path) -> None:
    """The first blocks are there while the writer goes on, without the delay of a resampler of whole files."""
    source, stopping = PipeSource(fifo, PcmFormat("s16le", 48000, 1), live=True), threading.Event()
    descriptor = os.open(fifo, os.O_RDWR)
    os.write(descriptor, bytes(2 * 4800))
    block = next(iter(source.blocks(stopping)))
    assert 1200 < len(block.audio) <= 1600
    os.close(descriptor)
    source.close()


def test_what_is_no_sound_or_only_a_part_is_told(tmp_path: Path, fifo: Path) -> None:
    """With the pipe's name; what has come is given first."""
    source = PipeSource(fifo)
    with Writer(fifo, b""), pytest.raises(AudioFileError, match="pipe' as sound: it is empty"):
        read(source)
    source.close()
    source, data = PipeSource(fifo), write_speech(tmp_path / "in.wav", 8000).read_bytes()
    with Writer(fifo, data[:-8000]), pytest.raises(IncompleteSound, match=r"pipe' is .* after 0\.25 of 0\.50 s"):
        read(source)
    source.close()


def test_a_missing_pipe_a_folder_and_a_keyboard_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is connected."""
    for path, hint in ((tmp_path / "nowhere", "check the path"), (tmp_path, "is a folder")):
        with pytest.raises(AudioFileError, match=hint):
            check_pipe(path)
    monkeypatch.setattr(os, "isatty", lambda _descriptor: True)
    with pytest.raises(UsageError, match="standard input is a terminal"):
        check_pipe(Path("-"))


@pytest.mark.parametrize("options", [{"input": Path("-"), "resume": True}, {"raw": RAW}])
def test_pipes_do_not_go_on_and_microphones_are_not_raw(options: dict[str, object]) -> None:
    """What was piped is gone; the form is that of an input."""
    if "input" not in options:
        options["microphone"] = MicrophoneSettings()
    with pytest.raises(UsageError, match=r"--resume|--raw"):
        SenderSettings(**options)  # type: ignore[arg-type]


def test_a_piped_stream_arrives_as_the_file_would(tmp_path: Path, fifo: Path, tiny_codec: Codec) -> None:
    """Nothing is lost of it, however slow the link is: its writer waits."""
    path = write_speech(tmp_path / "in.wav", 100000)  # more than a pipe holds
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(fifo, receiver.port, tiny_codec, state_folder=tmp_path / "state")
    with running(receiver, sender), Writer(fifo, path.read_bytes()):
        assert sender.wait(DEADLINE_S)
    assert sender.error is None
    (stream,) = receiver.snapshots()
    np.testing.assert_array_equal(read_pcm16(stream.files[0]), locally_coded(path, tiny_codec))
    assert not list((tmp_path / "state").rglob("*")), "a pipe cannot be resumed: nothing is remembered"


def test_half_a_piped_file_is_told_at_both_ends(tmp_path: Path, fifo: Path, tiny_codec: Codec) -> None:
    """The receiver does not wait for the rest."""
    data = write_speech(tmp_path / "in.wav", 16000).read_bytes()
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, grace_s=3600)
    sender = make_sender(fifo, receiver.port, tiny_codec)
    with running(receiver, sender), Writer(fifo, data[:-16000]):
        assert receiver.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
    assert isinstance(sender.error, IncompleteSound)
    assert len(read_pcm16(receiver.snapshots()[0].files[0])) == 8000


def test_a_live_pipe_is_read_while_nobody_listens(fifo: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """Its writer is not held up: what is said before a receiver accepts is dropped."""
    sender = make_sender(fifo, 1, tiny_codec, raw=RAW, drop_when_behind=True, connect_timeout_s=60.0, host="127.0.0.1")
    with running(sender), Writer(fifo, bytes(1 << 18)) as writer:  # four times what a pipe holds
        wait_until(lambda: not writer._thread.is_alive())
        assert writer.error is None
        assert sender.snapshots()[0].state is LinkState.CONNECTING
        sender.request_stop()
