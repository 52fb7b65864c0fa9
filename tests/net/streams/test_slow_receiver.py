"""A receiver that decodes more slowly than its sender sends."""

import threading
from pathlib import Path

import numpy as np
import pytest

from codec.codec import Codec
from net.receiver import decoding
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, locally_coded, make_receiver, make_sender, read_pcm16, running, write_speech

BUFFER_CHUNKS = 2


@pytest.fixture
def decoder_gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The receiver decodes only while this is set."""
    gate, unpack = threading.Event(), decoding.unpack_codes

    def unpack_late(*arguments: object) -> object:
        assert gate.wait(DEADLINE_S)
        return unpack(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("net.receiver.decoding.unpack_codes", unpack_late)
    return gate


def test_a_file_is_held_back_and_nothing_is_lost(
    tmp_path: Path, tiny_codec: Codec, decoder_gate: threading.Event, wait_until: WaitUntil
) -> None:
    """Back-pressure reaches the file: every queue fills up to its limit, no more is read, and then all arrives."""
    speech = write_speech(tmp_path / "in.wav", 16000 * 4)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, queue_chunks=BUFFER_CHUNKS)
    sender = make_sender(speech, receiver.port, tiny_codec, queue_chunks=BUFFER_CHUNKS, num_streams=1)
    with running(receiver, sender):
        wait_until(lambda: all(queue.fill == 1 for queue in sender.snapshots()[0].queues))
        (stats,) = sender.snapshots()
        in_hand = len(stats.queues) * (BUFFER_CHUNKS + 1) + BUFFER_CHUNKS
        assert stats.chunks.read <= in_hand  # type: ignore[union-attr]
        decoder_gate.set()
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert (sent.chunks.dropped, received.chunks.lost) == (0, 0)  # type: ignore[union-attr]
    assert all(queue.high_water <= queue.capacity for queue in (*sent.queues, *received.queues))
    assert np.array_equal(read_pcm16(received.files[0]), locally_coded(speech, tiny_codec, num_streams=1))


def test_live_sound_loses_its_oldest_chunks_and_counts_them(
    tmp_path: Path, tiny_codec: Codec, decoder_gate: threading.Event, wait_until: WaitUntil
) -> None:
    """What nobody took in time is dropped and counted on both sides; all that is saved is at its place in time."""
    speech = write_speech(tmp_path / "in.wav", 16000 * 4)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, queue_chunks=BUFFER_CHUNKS)
    settings = {"realtime": True, "drop_when_behind": True, "queue_chunks": BUFFER_CHUNKS, "num_streams": 1}
    sender = make_sender(speech, receiver.port, tiny_codec, **settings)
    with running(receiver, sender):
        wait_until(lambda: sender.snapshots()[0].chunks.dropped >= 2)  # type: ignore[union-attr]
        decoder_gate.set()
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert sent.chunks.dropped == received.chunks.lost >= 2  # type: ignore[union-attr]
    assert all(queue.high_water <= queue.capacity for queue in sent.queues)
    assert len(read_pcm16(received.files[0])) == 16000 * 4
