"""Networks that fail: what arrives in the end is what would have arrived without it."""

import itertools
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.chunks.bits import unpack_codes
from codec.codec import Codec
from codec.container import EscReader
from codec.errors import AudioFileError, UsageError
from codec.files.in_memory import decompress
from codec.sound.wav import to_pcm16
from net.audio.devices import AudioSystem
from net.receiver.engine import Receiver
from net.receiver.stream_registry import FAREWELL_S
from net.runtime.clock import SYSTEM_CLOCK
from net.settings import PlaybackSettings, ReceiverSettings
from net.telemetry.stats import LinkState
from tests.clock import FakeClock
from tests.conftest import WaitUntil
from tests.net.audio.fake_audio import FakeSounddevice
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
from tests.net.receiver.contexts import Carrier
from tests.net.receiver.disks import full_disk

STREAM_BYTES = 520
"""More than the whole short stream takes, HELLO included."""
ANSWER_BYTES = 200
"""More than a receiver says of one that is shorter."""


def test_a_stream_that_is_cut_at_every_byte_arrives_whole(tmp_path: Path, tiny_codec: Codec) -> None:
    """Connection after connection is cut one byte later: the file equals the undisturbed one, bit for bit."""
    speech = write_speech(tmp_path / "in.wav", 9000)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    with Cutter(receiver.port, range(1, STREAM_BYTES)) as network:
        hurried = FakeClock()  # its waits between attempts take no time
        patient = {"connect_timeout_s": 1e9, "reconnect_timeout_s": 1e9}
        sender = make_sender(speech, network.port, tiny_codec, hurried, num_streams=1, **patient)
        with running(receiver, sender):
            assert sender.wait(3 * DEADLINE_S)
    assert sender.error is None
    (stream,) = receiver.snapshots()
    assert np.array_equal(read_pcm16(stream.files[0]), locally_coded(speech, tiny_codec, num_streams=1))
    assert stream.chunks.lost == 0


def test_a_connection_that_was_replaced_does_not_make_a_stream_wait(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """An old connection that notices late that it is over must not end what the new one carries."""
    speech = write_speech(tmp_path / "in.wav", 16000)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].state is LinkState.STREAMING)
        (stream,) = receiver._registry.all()
        status = stream.context.status
        old: Any = Carrier()
        failing: Any = Carrier()
        assert not stream.detach(old, "it is over")
        assert status.state is LinkState.STREAMING
        current = stream.attach(failing)
        assert current is not None
        assert stream.detach(failing, "it is gone")
        assert status.state is LinkState.RECONNECTING
        stream.attach(current)
        stream.mark_streaming(current)
        assert sender.wait(DEADLINE_S)
    assert sender.error is None


def test_a_receiver_for_one_stream_ends_when_its_sender_knows(tmp_path: Path, tiny_codec: Codec) -> None:
    """Where nothing fails, nothing is waited for."""
    speech = write_speech(tmp_path / "in.wav", 3200)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(FAREWELL_S * 0.6)


def test_a_receiver_for_one_stream_stays_until_its_sender_knows(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are cut at every byte, also in the word that all is saved: in the end the sender has heard it."""
    monkeypatch.setattr("net.receiver.stream_registry.FAREWELL_S", 2.0)
    speech = write_speech(tmp_path / "in.wav", 3200)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    with Cutter(receiver.port, answer_limits=range(1, ANSWER_BYTES)) as network:
        patient = {"connect_timeout_s": 1e9, "reconnect_timeout_s": 1e9}
        sender = make_sender(speech, network.port, tiny_codec, FakeClock(), num_streams=1, **patient)
        with running(receiver, sender):
            assert sender.wait(DEADLINE_S)
            assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    assert receiver.error is None
    assert np.array_equal(
        read_pcm16(receiver.snapshots()[0].files[0]), locally_coded(speech, tiny_codec, num_streams=1)
    )


def test_a_receiver_for_one_stream_does_not_wait_for_ever(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender vanished after its last word: the receiver ends well, but not before it had time to come back."""
    monkeypatch.setattr("net.receiver.stream_registry.FAREWELL_S", 0.5)
    decoding = threading.Event()
    monkeypatch.setattr(
        "net.receiver.decoding.unpack_codes", lambda *parts: decoding.wait(DEADLINE_S) and unpack_codes(*parts)
    )
    speech = write_speech(tmp_path / "in.wav", 3200)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    with Cutter(receiver.port) as network, running(receiver):
        sender = make_sender(speech, network.port, tiny_codec)
        with running(sender):
            wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].state is LinkState.DRAINING)
            network.target_port = None
            network.cut()
        decoding.set()
        wait_until(lambda: receiver.snapshots()[0].state is LinkState.DONE)
        stranger = make_sender(speech, receiver.port, tiny_codec, connect_timeout_s=0.0)
        assert not receiver.wait(0.3)
        with running(stranger):
            assert stranger.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert receiver.error is None
    assert "--once" in str(stranger.error)


def test_a_killed_sender_is_resumed_by_another(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """With `--resume` a new sender goes on where the receiver stands: the file is as if nothing had been."""
    speech = write_speech(tmp_path / "in.wav", 32000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    state = tmp_path / "state"
    with Cutter(receiver.port) as network, running(receiver):
        first = make_sender(speech, network.port, tiny_codec, realtime=True, state_folder=state)
        with running(first):
            wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.saved >= 4)
            network.cut()
        second = make_sender(speech, network.port, tiny_codec, realtime=True, state_folder=state, resume=True)
        with running(second):
            assert second.wait(DEADLINE_S)
            assert receiver.wait(DEADLINE_S)
    assert second.error is None
    (stream,) = receiver.snapshots()
    assert np.array_equal(read_pcm16(stream.files[0]), locally_coded(speech, tiny_codec))
    assert second.snapshots()[0].chunks.sent < PLAN.chunk_count(32000)
    assert not list(state.iterdir())


def test_there_is_nothing_to_resume_at_first(tmp_path: Path, tiny_codec: Codec) -> None:
    """Without an unfinished stream the error says so, before anything is started."""
    speech = write_speech(tmp_path / "in.wav", 3200)
    sender = make_sender(speech, 1, tiny_codec, state_folder=tmp_path, resume=True)
    with pytest.raises(UsageError, match="leave out --resume"):
        sender.start()


@pytest.mark.parametrize("fault", ["full", "removed"])
def test_a_failing_disk_loses_nothing(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """In mid-stream the disk is full for a while, or the folder is removed: every file is whole in the end."""
    monkeypatch.setattr("net.receiver.sinks.retrying.RETRY_S", 0.2)
    speech = write_speech(tmp_path / "in.wav", 16000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, save_codes=True, save_chunks=True)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.saved >= 2)
        if fault == "full":
            with full_disk():
                wait_until(lambda: failed_writes(receiver) == {".wav", "_chunks", ".esc"})
        else:
            shutil.rmtree(tmp_path / "out")
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    assert receiver.error is None
    (stream,) = receiver.snapshots()
    expected = locally_coded(speech, tiny_codec)
    wav, chunks, codes = map(Path, stream.files)
    assert np.array_equal(read_pcm16(wav), expected)
    assert np.array_equal(to_pcm16(decompress(codes, tiny_codec)), expected)
    if fault == "full":
        assert np.array_equal(np.concatenate([read_pcm16(path) for path in sorted(chunks.iterdir())]), expected)


def test_a_disk_that_stays_full_is_told_in_the_end(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """All is decoded, the sender is served, what was written is kept, and the error tells what is missing."""
    speech = write_speech(tmp_path / "in.wav", 16000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, save_codes=True)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.saved >= 1)
        with full_disk():
            assert sender.wait(DEADLINE_S)
            assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    assert isinstance(receiver.error, AudioFileError)
    assert "missing" in str(receiver.error)
    (stream,) = receiver.snapshots()
    wav, codes = map(Path, stream.files)
    kept = read_pcm16(wav)
    assert len(kept) >= PLAN.hop_samples
    assert np.array_equal(kept, locally_coded(speech, tiny_codec)[: len(kept)])
    with EscReader(codes) as reader:
        assert not reader.complete
        assert 1 <= sum(chunk is not None for chunk in reader.chunks()) < PLAN.chunk_count(16000)


def failed_writes(receiver: Receiver) -> set[str]:
    """The endings of the files that the receiver could not write."""
    texts = [event.text for event in receiver.events_since(0) if "cannot write" in event.text]
    return {
        ending
        for ending in (".wav", "_chunks", ".esc")
        for text in texts
        if f"{ending}'" in text or f"{ending}/" in text
    }


def test_a_file_comes_to_its_end_though_the_disk_stays_full(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender waits while nothing is saved, and goes on when what waits was given up."""
    monkeypatch.setattr("net.receiver.sinks.retrying.KEPT_S", 1.5)
    speech = write_speech(tmp_path / "in.wav", 48000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, queue_chunks=5)
    sender = make_sender(speech, receiver.port, tiny_codec, queue_chunks=1)
    with running(receiver, sender):
        wait_until(receiver.snapshots)
        with full_disk():
            wait_until(lambda: receiver.snapshots()[0].chunks.received >= 6)
            assert receiver.snapshots()[0].chunks.saved < 6
            assert not sender.wait(0.5)
            assert sender.wait(DEADLINE_S)
            assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    assert "missing" in str(receiver.error)


def test_a_stage_that_fails_ends_the_player_too(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver for one stream ends with the stage's error, and gives its output device back."""

    def broken(*_arguments: object) -> None:
        raise RuntimeError("no such code")

    monkeypatch.setattr("net.receiver.decoding.unpack_codes", broken)
    module = FakeSounddevice()
    settings = ReceiverSettings(
        port=0, save_path=tmp_path / "out", host="127.0.0.1", once=True, playback=PlaybackSettings()
    )
    receiver = Receiver(settings, codec=tiny_codec, audio_system=AudioSystem(module, SYSTEM_CLOCK))
    receiver.listen()
    sender = make_sender(write_speech(tmp_path / "in.wav", 16000), receiver.port, tiny_codec)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(5.0)
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("player")]
    assert "no such code" in str(receiver.error)
    assert all(stream.closed for stream in module.streams)


def test_a_sender_that_comes_back_while_its_stream_is_closed_is_told_busy_and_goes_on(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that was given up is still being saved: its sender waits for that, resumes, and the file is whole."""
    decoding = threading.Event()
    calls = itertools.count()
    monkeypatch.setattr(
        "net.receiver.decoding.unpack_codes",
        lambda *parts: (next(calls) < 3 or decoding.wait(DEADLINE_S)) and unpack_codes(*parts),
    )
    speech = write_speech(tmp_path / "in.wav", 32000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, grace_s=0.0)
    with Cutter(receiver.port) as network, running(receiver):
        sender = make_sender(speech, network.port, tiny_codec, realtime=True)
        with running(sender):
            wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.received >= 5)
            network.target_port = None
            network.cut()
            wait_until(lambda: receiver.snapshots()[0].state is LinkState.FAILED)
            network.target_port = receiver.port
            wait_until(lambda: sender.error or any("busy" in event.text for event in sender.events_since(0)))
            decoding.set()
            assert sender.wait(DEADLINE_S)
            wait_until(lambda: receiver.snapshots()[-1].state is LinkState.DONE)
    assert sender.error is None
    assert np.array_equal(read_pcm16(receiver.snapshots()[-1].files[0]), locally_coded(speech, tiny_codec))
