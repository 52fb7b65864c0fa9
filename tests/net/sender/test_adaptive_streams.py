"""A live-like stream over a network that carries less than half of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from codec.chunks.plan import ChunkPlan, Stitching
from codec.codec import Codec
from codec.errors import UsageError
from net.sender.engine import Sender
from net.settings import SenderSettings
from net.telemetry.stats import StreamStats
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, make_receiver, make_sender, read_pcm16, running, write_speech
from tests.net.throttle import Throttle

LIVE_PLAN = ChunkPlan(chunk_samples=5120, overlap_samples=320)
FULL_KBPS = 9.0
NARROW_KBPS = 4.0
"""What the network carries, where all streams of a published model make `FULL_KBPS`."""


def decoded_ms(stats: StreamStats) -> float:
    (decoded,) = (latency for latency in stats.latencies if latency.name == "decoded")
    return decoded.maximum_ms


def test_speech_stays_timely_on_a_narrow_network_and_gets_all_streams_back(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """Through 4 of 9 kbps sound is less than 2 s late and nothing is lost; once it opens all streams come back."""
    narrow_bps = round(NARROW_KBPS / FULL_KBPS * tiny_codec.kbps(6) * 1000)
    speech = write_speech(tmp_path / "in.wav", 16000 * 60)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    settings = {"realtime": True, "adaptive": True, "drop_when_behind": True, "queue_chunks": 6, "plan": LIVE_PLAN}
    with Throttle(receiver.port, narrow_bps) as network:
        sender = make_sender(speech, network.port, tiny_codec, **settings)
        with running(receiver, sender):
            wait_until(lambda: sender.snapshots()[0].num_streams < 6)
            wait_until(lambda: receiver.snapshots()[0].chunks.decoded >= 10)
            network.rate_bps = None
            wait_until(lambda: sender.snapshots()[0].num_streams == 6)
            sender.request_stop()
            assert sender.wait(DEADLINE_S)
            assert receiver.wait(DEADLINE_S)
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert sender.error is None
    assert (sent.chunks.dropped, received.chunks.lost) == (0, 0)  # type: ignore[union-attr]
    assert decoded_ms(received) < 2000
    assert len(read_pcm16(received.files[0])) == round(sent.audio_s * 16000)
    assert min(sent.streams_history) < 6
    changes = [event.text for event in sender.events_since(0) if event.text.startswith("streams")]
    assert any("behind" in text for text in changes)
    assert any("calm" in text for text in changes)


def test_a_receiver_can_ask_for_streams_at_least(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """However narrow the network is, `--min-streams` of the receiver holds at every moment."""
    speech = write_speech(tmp_path / "in.wav", 16000 * 60)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, min_streams=4)
    settings = {"realtime": True, "adaptive": True, "drop_when_behind": True, "plan": LIVE_PLAN}
    with Throttle(receiver.port, None) as network:
        sender = make_sender(speech, network.port, tiny_codec, **settings)
        with running(receiver, sender):
            wait_until(lambda: sender.snapshots()[0].chunks.acknowledged)  # type: ignore[union-attr]
            network.rate_bps = 2000
            wait_until(lambda: sender.snapshots()[0].num_streams == 4)
            wait_until(lambda: sender.snapshots()[0].chunks.dropped)  # type: ignore[union-attr]
    changes = [event.text for event in sender.events_since(0) if event.text.startswith("streams")]
    assert {int(text.split()[3].rstrip(":")) for text in changes} <= {4, 5}


def test_short_seamless_chunks_are_acknowledged_in_spite_of_the_bound(tmp_path: Path, tiny_codec: Codec) -> None:
    """A receiver that needs several chunks more before it acknowledges one gets them."""
    plan = ChunkPlan(1600, 0, Stitching.SEAMLESS)
    speech = write_speech(tmp_path / "in.wav", 9600)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True, adaptive=True, plan=plan)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    (received,) = receiver.snapshots()
    assert len(read_pcm16(received.files[0])) == 9600


def test_a_file_without_a_pace_has_nothing_to_adapt_to() -> None:
    """It is sent as fast as the network takes it: the error says what to add."""
    settings = SenderSettings(input=Path("in.wav"))
    with pytest.raises(UsageError, match="--realtime"):
        Sender(replace(settings, adaptive=True))
