"""`receiver --format`: files that become another format when their stream has ended."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codec.codec import Codec
from codec.sound.formats import SoundFormat
from codec.sound.transcoding import transcode_wav
from tests.conftest import WaitUntil
from tests.net.cutter import Cutter
from tests.net.links import (
    DEADLINE_S,
    PLAN,
    locally_coded,
    make_receiver,
    make_sender,
    read_pcm16,
    running,
    write_speech,
)


class HeldConversion:
    """The work of a conversion, which waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        monkeypatch.setattr("net.receiver.conversion.transcode_wav", self._transcode)

    def _transcode(
        self, wav: Path, target: Path, file_format: SoundFormat, samples: int, on_block: Callable[[], None]
    ) -> None:
        self.began.set()
        while not self.go_on.wait(0.01):
            on_block()
        transcode_wav(wav, target, file_format, samples, on_block)


def test_a_restarted_receiver_goes_on_and_converts_in_the_end(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """What a stopped receiver left stays WAV, so that its sender can go on with it; with the END all is converted."""
    speech, out = write_speech(tmp_path / "in.wav", 32000), tmp_path / "out"
    first = make_receiver(out, tiny_codec, save_chunks=True, audio_format=SoundFormat.FLAC)
    with Cutter(first.port) as network:
        sender = make_sender(speech, network.port, tiny_codec, realtime=True)
        with running(sender):
            with running(first):
                wait_until(lambda: first.snapshots() and first.snapshots()[0].chunks.saved >= 5)
                network.target_port = None
                network.cut()
            assert {path.suffix for path in out.rglob("*") if path.is_file()} == {".wav", ".json"}
            assert any("may go on with the stream" in event.text for event in first.events_since(0))
            second = make_receiver(out, tiny_codec, once=True, save_chunks=True, audio_format=SoundFormat.FLAC)
            network.target_port = second.port
            with running(second):
                assert sender.wait(DEADLINE_S)
                assert second.wait(DEADLINE_S)
    assert sender.error is second.error is None
    whole, folder = map(Path, second.snapshots()[0].files)
    assert whole.suffix == ".flac"
    assert np.array_equal(read_pcm16(whole), locally_coded(speech, tiny_codec))
    parts = sorted(folder.iterdir())
    assert [part.name for part in parts] == [f"chunk_{index:06d}.flac" for index in range(PLAN.chunk_count(32000))]
    assert np.array_equal(np.concatenate([read_pcm16(part) for part in parts]), read_pcm16(whole))
    assert list(out.rglob("*.wav")) == []


def test_no_sender_waits_for_a_conversion(tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is saved when the WAV is: the sender ends then, and the receiver, with `--once`, when the format is there."""
    held = HeldConversion(monkeypatch)
    speech = write_speech(tmp_path / "in.wav", 9600)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, audio_format=SoundFormat.OGG)
    sender = make_sender(speech, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert held.began.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
        assert receiver.snapshots()[0].files[0].endswith(".wav")
        assert not receiver.wait(0)
        held.go_on.set()
        assert receiver.wait(DEADLINE_S)
    assert receiver.snapshots()[0].files[0].endswith(".ogg")
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".ogg"]


@pytest.mark.parametrize("asked", [True, False], ids=["asked to stop", "stopped"])
def test_stopping_does_not_wait_for_a_conversion(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    """It goes on for as long as a stopping receiver saves what has come; then the whole WAV stays, and that is told."""
    monkeypatch.setattr("net.receiver.engine.WIND_UP_S", 0.1)
    held = HeldConversion(monkeypatch)
    speech = write_speech(tmp_path / "in.wav", 9600)
    receiver = make_receiver(tmp_path / "out", tiny_codec, audio_format=SoundFormat.MP3)
    sender = make_sender(speech, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert held.began.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
        if asked:
            receiver.request_stop()
            assert receiver.wait(DEADLINE_S)
    (path,) = (tmp_path / "out").iterdir()
    assert str(path) == receiver.snapshots()[0].files[0]
    assert np.array_equal(read_pcm16(path), locally_coded(speech, tiny_codec))
    assert any("stays WAV: the receiver was stopped" in event.text for event in receiver.events_since(0))


def test_a_stream_that_is_converted_takes_a_place(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    """There are never more threads than places: the next sender waits until the files have their format."""
    held = HeldConversion(monkeypatch)
    speech = write_speech(tmp_path / "in.wav", 3200)
    receiver = make_receiver(tmp_path / "out", tiny_codec, max_connections=1, audio_format=SoundFormat.FLAC)
    first, second = (make_sender(speech, receiver.port, tiny_codec, connect_timeout_s=DEADLINE_S) for _ in range(2))
    with running(receiver):
        with running(first):
            assert first.wait(DEADLINE_S)
        assert held.began.wait(DEADLINE_S)
        with running(second):
            wait_until(lambda: any("places are taken" in event.text for event in second.events_since(0)))
            held.go_on.set()
            assert second.wait(DEADLINE_S)
        assert second.error is None
        receiver.request_stop()
        assert receiver.wait(DEADLINE_S)
    assert [Path(stream.files[0]).suffix for stream in receiver.snapshots()] == [".flac", ".flac"]
    assert len({stream.files[0] for stream in receiver.snapshots()}) == 2
