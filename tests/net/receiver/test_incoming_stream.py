"""A stream alone, without a connection: what its sender and the screen are told of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codec.chunks.packed import PackedChunk
from codec.codec import Codec
from net.protocol.frames import payload_bytes
from net.protocol.messages import End
from net.receiver.incoming_stream import IncomingStream
from net.receiver.quota import Quota
from net.receiver.snapshot import feedback, stream_stats
from net.receiver.stream_files import StreamFiles
from net.runtime.clock import SYSTEM_CLOCK
from net.telemetry.stats import LinkState, ProcessStats
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, PLAN
from tests.net.receiver.contexts import Carrier, make_context
from tests.net.receiver.test_hostile_peers import hello_for


@pytest.fixture
def stream(tmp_path: Path, tiny_codec: Codec) -> Iterator[IncomingStream]:
    context = make_context(tmp_path, tiny_codec, SYSTEM_CLOCK, save_codes=True, min_streams=2)
    hello = hello_for(tiny_codec, PLAN)
    files = StreamFiles(context, hello, None, tiny_codec)
    quota = Quota(context.settings, SYSTEM_CLOCK).open(hello, "peer")
    stream = IncomingStream(hello, tiny_codec, context, files=files, player=None, quota=quota)
    stream.start()
    yield stream
    stream.abort()
    assert stream.join(DEADLINE_S) == ()


def send(stream: IncomingStream, *indexes: int) -> None:
    payload = bytes(payload_bytes(stream.hello, 6, PLAN.chunk_samples, True))
    for index in indexes:
        stream.receive_chunk(PackedChunk(index=index, samples=PLAN.chunk_samples, num_streams=6, payload=payload))


def test_feedback_follows_the_disk(stream: IncomingStream, wait_until: WaitUntil) -> None:
    """All but the chunk that a new decoder would need again is acknowledged, and at the end everything."""
    assert feedback(stream).acknowledged == 0
    send(stream, 0, 1, 2)
    wait_until(lambda: stream.files.saved_chunks == 3)
    message = feedback(stream)
    assert (message.received, message.decoded, message.acknowledged, message.finished) == (3, 3, 2, False)
    assert message.min_streams == 2
    stream.receive_end(End(3, PLAN.start(2) + PLAN.chunk_samples, True))
    assert stream.wait(DEADLINE_S)
    message = feedback(stream)
    assert (message.acknowledged, message.finished) == (3, True)


def test_the_screen_sees_gaps_and_repeats(stream: IncomingStream, wait_until: WaitUntil) -> None:
    """What was left out is lost, what came twice is refused, and where the files are is shown."""
    stream.attach(Carrier())  # type: ignore[arg-type]
    send(stream, 0, 1, 1, 4)
    wait_until(lambda: stream.files.saved_chunks == 5)
    stats = stream_stats(stream, ProcessStats())
    assert (stats.chunks.received, stats.chunks.lost, stats.chunks.refused) == (3, 2, 1)  # type: ignore[union-attr]
    assert (stats.peer, stats.secure, stats.num_streams) == ("nobody", False, 6)
    assert [Path(path).suffix for path in stats.files] == [".wav", ".esc"]
    assert stats.audio_s == pytest.approx((PLAN.start(4) + PLAN.hop_samples) / 16000)


def test_a_stream_that_was_aborted_says_so(stream: IncomingStream) -> None:
    """Its files are closed and can be resumed."""
    send(stream, 0)
    stream.abort()
    assert stream.wait(DEADLINE_S)
    assert stream.context.status.state is LinkState.FAILED
    assert not stream.complete
    assert all(path.exists() for path in stream.files.paths)


def test_a_fault_of_this_program_fails_the_stream(stream: IncomingStream) -> None:
    """With its kind and its words."""
    stream.fail(ValueError("a bug"))
    assert stream.wait(DEADLINE_S)
    assert "ValueError: a bug" in stream_stats(stream, ProcessStats()).reason


def test_the_end_has_the_true_length(stream: IncomingStream) -> None:
    """Whatever was announced, or not."""
    assert stream.total_samples == stream.hello.total_samples
    stream.receive_end(End(chunks=1, samples=1600, complete=True))
    assert stream.total_samples == 1600
