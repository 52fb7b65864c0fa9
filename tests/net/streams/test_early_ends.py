"""Senders that fail for good: their receiver hears so at once, and keeps what came before."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codec import compress
from codec.codec import Codec
from codec.container import EscReader
from codec.errors import AudioFileError, ContainerError, EscError, ModelError
from codec.types import Audio, Codes
from net.errors import StageFailed
from net.sender.engine import Sender
from net.sender.sources import SourceBlock
from net.settings import SenderSettings
from net.telemetry.stats import LinkState
from tests.codec.staircase import StaircaseCodec, staircase
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, PLAN, make_receiver, make_sender, read_pcm16, running, write_speech
from tests.net.receiver.test_hostile_peers import greeting, hello_for

ENDED_EARLY = "the sender ended it early: it was stopped, or its input failed"


class FailingSource:
    """Ten blocks of a tenth of a second, and then an error."""

    name, live = "scripted", False
    total_samples = None
    error: Exception = AudioFileError("'tape' is broken: it has come off the reel")

    def blocks(self, _stopping: threading.Event, _first_sample: int = 0) -> Iterator[SourceBlock]:
        for _ in range(10):
            yield SourceBlock(np.full(1600, 0.25, np.float32))
        raise self.error

    def close(self) -> None:
        pass


class FailingCodec(StaircaseCodec):
    """Encodes three times."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, audio: Audio, num_streams: int = 6) -> Codes:
        self.calls += 1
        if self.calls > 3:
            raise MemoryError("the graphics card is full")
        return super().encode(audio, num_streams)


def ended_early(
    tmp_path: Path, sender_of_port: Callable[[int], Sender], error: type[BaseException], samples: int
) -> BaseException:
    """Run a sender that fails; hold that its receiver, which would wait for long, ends with what came."""
    receiver = make_receiver(tmp_path / "out", StaircaseCodec(), once=True, grace_s=3600)  # type: ignore[arg-type]
    sender = sender_of_port(receiver.port)
    with running(receiver, sender):
        assert receiver.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
    (stream,) = receiver.snapshots()
    assert (stream.state, stream.reason, stream.chunks.lost) == (LinkState.DONE, ENDED_EARLY, 0)
    assert len(read_pcm16(stream.files[0])) == samples
    assert sender.snapshots()[0].state is LinkState.FAILED
    assert isinstance(sender.error, error)
    return sender.error


@pytest.mark.parametrize("error", [FailingSource.error, ValueError("a fault of this program")])
def test_a_source_that_fails_ends_the_stream_with_what_it_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """All that was read arrives, then END; the sender's own error is the source's."""
    monkeypatch.setattr(FailingSource, "error", error)

    def sender(port: int) -> Sender:
        settings = SenderSettings(input=Path("tape"), host="127.0.0.1", port=port, plan=PLAN)
        return Sender(settings, codec=StaircaseCodec(), source=FailingSource())  # type: ignore[arg-type]

    expected = type(error) if isinstance(error, EscError) else StageFailed
    assert str(error) in str(ended_early(tmp_path, sender, expected, 16000))


def test_an_encoder_that_fails_ends_the_stream_with_what_it_has_encoded(tmp_path: Path) -> None:
    """The receiver is told before the sender's stages are stopped."""
    speech = write_speech(tmp_path / "in.wav", 32000)

    def sender(port: int) -> Sender:
        return make_sender(speech, port, FailingCodec(), queue_chunks=1)  # type: ignore[arg-type]

    error = ended_early(tmp_path, sender, StageFailed, PLAN.start(2) + PLAN.chunk_samples)
    assert "the encode stage failed: MemoryError" in str(error)


def test_stored_codes_that_cannot_be_read_on_end_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As sound does."""
    path, read = tmp_path / "in.esc", EscReader.read

    def failing_read(reader: EscReader, index: int) -> object:
        if index == 4:
            raise ContainerError("the disk is gone")
        return read(reader, index)

    path.write_bytes(compress(staircase(32000), StaircaseCodec(), plan=PLAN))  # type: ignore[arg-type]
    monkeypatch.setattr(EscReader, "read", failing_read)
    ended_early(
        tmp_path,
        lambda port: make_sender(path, port, StaircaseCodec()),  # type: ignore[arg-type]
        ContainerError,
        PLAN.start(3) + PLAN.chunk_samples,
    )


def test_a_sender_that_fails_tells_whoever_waits_for_it(tmp_path: Path, tiny_codec: Codec) -> None:
    """Also where it fails before it has said a word: the receiver of a demo ends."""
    speech = write_speech(tmp_path / "in.wav", 3200)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    never_begins = Sender(SenderSettings(input=speech, model_path=tmp_path / "nowhere"))
    never_begins.on_failure(receiver.request_stop)
    with running(receiver):
        with pytest.raises(ModelError):
            never_begins.start()
        assert receiver.wait(DEADLINE_S)

    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    never_connects = make_sender(speech, 1, tiny_codec, connect_timeout_s=0.0)
    never_connects.on_failure(receiver.request_stop)
    with running(receiver, never_connects):
        assert receiver.wait(DEADLINE_S)


def test_a_sender_that_left_before_it_was_accepted_is_not_waited_for(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """It was stopped while the receiver loaded its model: no stream is begun, and the next sender is served."""
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, grace_s=3600)
    with greeting(receiver, hello_for(tiny_codec, PLAN)):
        pass
    sender = make_sender(write_speech(tmp_path / "in.wav", 3200), receiver.port, tiny_codec)
    with running(receiver):
        wait_until(lambda: any("went away before" in event.text for event in receiver.events_since(0)))
        assert receiver.snapshots() == ()
        with running(sender):
            assert receiver.wait(DEADLINE_S)
    assert [stream.state for stream in receiver.snapshots()] == [LinkState.DONE]


def test_a_sender_that_succeeds_stops_nobody(tmp_path: Path, tiny_codec: Codec) -> None:
    """Its receiver goes on."""
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(write_speech(tmp_path / "in.wav", 3200), receiver.port, tiny_codec)
    sender.on_failure(receiver.request_stop)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert not receiver.wait(0)
    assert sender.error is None
