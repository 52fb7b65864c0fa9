"""Streams end to end, over loopback, with a small model."""

import itertools
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.chunks.plan import ChunkPlan, Stitching
from codec.codec import Codec
from net.errors import ConnectError, StreamRefused
from net.receiver.engine import Receiver
from net.sender.source_control import SourceControl
from net.telemetry.stats import LinkState, ReceiverChunks, SenderChunks
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

PAUSED_BLOCKS = 20
"""Blocks of a tenth of a second that are read before a pause."""


def only_file(receiver: Receiver) -> str:
    (stream,) = receiver.snapshots()
    return stream.files[0]


@pytest.mark.parametrize("samples", [1, 319, 3200, 3201, 3520, 3521, 20000])
def test_the_received_file_equals_the_local_one_bit_for_bit(tmp_path: Path, tiny_codec: Codec, samples: int) -> None:
    """The received WAV is as long as the input, and each sample is what coding without a link gives."""
    speech = write_speech(tmp_path / "in.wav", samples)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    received = read_pcm16(only_file(receiver))
    assert len(received) == samples
    assert np.array_equal(received, locally_coded(speech, tiny_codec))


@pytest.mark.parametrize("samples", [3199, 9600, 20000])
@pytest.mark.parametrize("lookahead_ms", [None, 80])
def test_a_seamless_stream_equals_the_local_one(
    tmp_path: Path, tiny_codec: Codec, samples: int, lookahead_ms: float | None
) -> None:
    """A seamless stream has the length of its input, and with full look-ahead is what coding without a link gives."""
    plan = ChunkPlan(3200, 0, Stitching.SEAMLESS)
    speech = write_speech(tmp_path / "in.wav", samples)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec, plan=plan, lookahead_ms=lookahead_ms)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    received = read_pcm16(only_file(receiver))
    assert len(received) == samples
    if lookahead_ms is None:
        assert np.array_equal(received, locally_coded(speech, tiny_codec, plan))
    (saved,) = receiver.snapshots()
    assert saved.chunks.saved == plan.chunk_count(samples)


def test_counters_agree_on_both_sides_at_the_end(tmp_path: Path, tiny_codec: Codec) -> None:
    """Every chunk of the plan is read, encoded, sent, acknowledged, received, decoded and saved once."""
    speech = write_speech(tmp_path / "in.wav", 20000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec, num_streams=2)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    count = PLAN.chunk_count(20000)
    assert sent.chunks == SenderChunks(read=count, encoded=count, sent=count, acknowledged=count)
    assert received.chunks == ReceiverChunks(received=count, decoded=count, stitched=count, saved=count)
    assert (sent.state, received.state) == (LinkState.DONE, LinkState.DONE)
    assert sent.audio_s == received.audio_s == sent.total_s == 20000 / 16000
    assert sent.payload.total_bytes == received.payload.total_bytes
    assert sent.wire.total_bytes == received.wire.total_bytes


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 1)])
def test_any_rate_and_channel_count_is_resampled(tmp_path: Path, tiny_codec: Codec, rate: int, channels: int) -> None:
    """The receiver gets the input's duration at 16 kHz, to the sample."""
    speech = write_speech(tmp_path / "in.wav", rate + 7, rate, channels)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec, num_streams=1)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    received = read_pcm16(only_file(receiver))
    assert len(received) == -(-(rate + 7) * 16000 // rate)
    assert np.array_equal(received, locally_coded(speech, tiny_codec, num_streams=1))


def test_chunk_files_joined_are_the_whole_file(tmp_path: Path, tiny_codec: Codec) -> None:
    """Each chunk's file holds what it contributes, the last one its end, too."""
    speech = write_speech(tmp_path / "in.wav", 10000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, save_chunks=True)
    sender = make_sender(speech, receiver.port, tiny_codec, num_streams=1)
    with running(receiver, sender):
        assert receiver.wait(DEADLINE_S)
    (stream,) = receiver.snapshots()
    whole, folder = stream.files
    parts = [read_pcm16(part) for part in sorted(Path(folder).iterdir())]
    assert len(parts) == PLAN.chunk_count(10000)
    assert np.array_equal(np.concatenate(parts), read_pcm16(whole))


def test_one_receiver_serves_several_senders_at_once_and_one_after_another(tmp_path: Path, tiny_codec: Codec) -> None:
    """Each stream has its own file, and none disturbs another."""
    speeches = [write_speech(tmp_path / f"{samples}.wav", samples) for samples in (5000, 9000, 12000)]
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    with running(receiver):
        first = [make_sender(speech, receiver.port, tiny_codec) for speech in speeches]
        with running(*first):
            assert all(sender.wait(DEADLINE_S) for sender in first)
        last = make_sender(speeches[0], receiver.port, tiny_codec)
        with running(last):
            assert last.wait(DEADLINE_S)
        streams = receiver.snapshots()
    expected = {(speech.name, len(read_pcm16(speech))) for speech in speeches}
    assert {(stream.source, len(read_pcm16(stream.files[0]))) for stream in streams} == expected
    assert len({stream.files[0] for stream in streams}) == 4


def test_past_its_limit_the_receiver_refuses_with_a_reason(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """The stream that is served goes on; the one too many is told to come later."""
    speech = write_speech(tmp_path / "in.wav", 16000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, max_connections=1)
    first = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    second = make_sender(speech, receiver.port, tiny_codec, connect_timeout_s=0.2)
    with running(receiver, first):
        wait_until(receiver.snapshots)
        with running(second):
            assert second.wait(DEADLINE_S)
        assert isinstance(second.error, StreamRefused)
        assert second.error.code == "busy"
        assert first.wait(DEADLINE_S)
        assert first.error is None


def test_a_sender_waits_for_a_place(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """Who finds the receiver busy says so once, tries again, and streams when another stream is over."""
    speech = write_speech(tmp_path / "in.wav", 16000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, max_connections=1)
    first = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    second = make_sender(speech, receiver.port, tiny_codec, connect_timeout_s=DEADLINE_S)
    with running(receiver, first):
        wait_until(receiver.snapshots)
        with running(second):
            assert second.wait(DEADLINE_S)
            assert first.wait(DEADLINE_S)
    assert second.error is None
    assert len([event for event in second.events_since(0) if "is busy, trying again" in event.text]) == 1


def test_a_sender_waits_for_its_receiver_and_then_gives_up(tmp_path: Path, tiny_codec: Codec) -> None:
    """With nobody there, the error says where, and what to check."""
    speech = write_speech(tmp_path / "in.wav", 3200)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        sender = make_sender(speech, port, tiny_codec, connect_timeout_s=0.2)
        with running(sender):
            assert sender.wait(DEADLINE_S)
    assert isinstance(sender.error, ConnectError)
    assert f"127.0.0.1:{port}" in str(sender.error)


def test_a_port_in_use_is_an_error_at_once(tmp_path: Path, tiny_codec: Codec) -> None:
    """The second receiver on a port says so before it starts anything."""
    first = make_receiver(tmp_path / "out", tiny_codec)
    with running(first), pytest.raises(ConnectError, match=str(first.port)):
        make_receiver(tmp_path / "out", tiny_codec, port=first.port)


def test_bad_peers_do_not_disturb_a_good_stream(tmp_path: Path, tiny_codec: Codec) -> None:
    """Garbage, a huge length, a cut frame and silence end their own connections only."""
    speech = write_speech(tmp_path / "in.wav", 16000)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        peers = [socket.create_connection(("127.0.0.1", receiver.port)) for _ in range(4)]
        peers[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
        peers[1].sendall(b"ESCL\x01\0\0\0\x01\xff\xff\xff" + b"x" * 100)
        peers[2].sendall(b"ESCL\x01\0\0\0\x01\0")
        peers[2].shutdown(socket.SHUT_WR)
        for peer in peers[:3]:
            peer.settimeout(DEADLINE_S)
            while peer.recv(4096):
                pass
        assert sender.wait(DEADLINE_S)
        for peer in peers:
            peer.close()
    assert sender.error is None
    assert np.array_equal(read_pcm16(only_file(receiver)), locally_coded(speech, tiny_codec))


def test_a_receiver_with_another_model_refuses(tmp_path: Path, tiny_codec: Codec) -> None:
    """Codes of another model would be noise: the reason names both fingerprints."""
    speech = write_speech(tmp_path / "in.wav", 3200)
    receiver = make_receiver(tmp_path / "out", Codec.load())
    sender = make_sender(speech, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
    assert isinstance(sender.error, StreamRefused)
    assert tiny_codec.fingerprint in str(sender.error)
    assert Codec.load().fingerprint in str(sender.error)


def test_a_stage_that_fails_ends_the_stream_with_its_reason(
    tmp_path: Path, tiny_codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception in a worker is shown on both sides, and nothing hangs."""
    speech = write_speech(tmp_path / "in.wav", 16000)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(speech, receiver.port, tiny_codec)

    def broken(*_arguments: object, **_options: object) -> None:
        raise FloatingPointError("injected")

    monkeypatch.setattr("net.receiver.decoding.unpack_codes", broken)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        (stream,) = receiver.snapshots()
    assert stream.state is LinkState.FAILED
    assert "injected" in stream.reason
    assert isinstance(sender.error, StreamRefused)
    assert "injected" in str(sender.error)


def test_streams_can_be_changed_while_running(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """Fewer streams take effect at the next chunk; the receiver follows without being told."""
    speech = write_speech(tmp_path / "in.wav", 32000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: sender.snapshots()[0].chunks.sent >= 1)
        sender.set_num_streams(1)
        assert receiver.wait(DEADLINE_S)
    (stream,) = receiver.snapshots()
    assert stream.num_streams == 1
    assert len(read_pcm16(stream.files[0])) == 32000


def test_a_pause_holds_the_stream_and_loses_nothing(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While paused nothing more is read, though all before has arrived; after that the file is complete."""
    speech = write_speech(tmp_path / "in.wav", 64000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec)
    resting, blocks, await_turn = threading.Event(), itertools.count(), SourceControl.await_turn

    def pause_once(control: SourceControl, end_s: float) -> None:
        if next(blocks) == PAUSED_BLOCKS:
            sender.set_paused(True)
            resting.set()
        await_turn(control, end_s)

    monkeypatch.setattr(SourceControl, "await_turn", pause_once)
    with running(receiver, sender):
        assert resting.wait(DEADLINE_S)
        read = (PAUSED_BLOCKS * 1600 - PLAN.overlap_samples) // PLAN.hop_samples
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.decoded == read)
        (paused,) = sender.snapshots()
        assert paused.state is LinkState.PAUSED
        assert paused.chunks.read == paused.chunks.sent == read
        sender.set_paused(False)
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert np.array_equal(read_pcm16(only_file(receiver)), locally_coded(speech, tiny_codec))


def test_a_sender_asked_to_stop_ends_in_order(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """What was read is sent, decoded and saved, and both sides say that it was not all."""
    speech = write_speech(tmp_path / "in.wav", 160000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: sender.snapshots()[0].chunks.sent >= 1)
        sender.request_stop()
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    (stream,) = receiver.snapshots()
    assert stream.state is LinkState.DONE
    assert "early" in stream.reason
    received = read_pcm16(stream.files[0])
    assert 0 < len(received) < 160000
    assert np.array_equal(received[:2880], locally_coded(speech, tiny_codec, most_chunks=1)[:2880])


def test_a_receiver_asked_to_stop_saves_what_came(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """The file is whole as far as it goes, and the sender is told why."""
    speech = write_speech(tmp_path / "in.wav", 160000)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.saved >= 1)
        receiver.request_stop()
        assert receiver.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
    assert isinstance(sender.error, StreamRefused)
    assert "stopped" in str(sender.error)
    assert len(read_pcm16(only_file(receiver))) >= 2880


@pytest.mark.parametrize("moment", ["before the receiver", "in mid-stream"])
def test_stopping_at_once_leaves_no_thread_and_a_readable_file(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, moment: str
) -> None:
    """`stop` ends everything under its deadline, wherever it was."""
    speech = write_speech(tmp_path / "in.wav", 160000)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        if moment == "in mid-stream":
            wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.saved >= 1)
    for stream in receiver.snapshots():
        assert stream.state.is_final
        soundfile.info(stream.files[0])


def test_a_lost_connection_is_resumed_without_a_gap(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """The sender comes back and sends from the chunk that the receiver names: the file is as if nothing had been."""
    speech = write_speech(tmp_path / "in.wav", 32000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    with Cutter(receiver.port) as cutter:
        sender = make_sender(speech, cutter.port, tiny_codec, realtime=True)
        with running(receiver, sender):
            wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.received >= 2)
            cutter.cut()
            assert sender.wait(DEADLINE_S)
            assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    assert np.array_equal(read_pcm16(only_file(receiver)), locally_coded(speech, tiny_codec))
    assert any("resumed" in event.text for event in sender.events_since(0))


def test_a_sender_that_never_returns_leaves_a_whole_file(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """After the grace period the file is closed with all that was decoded, and the stream has failed."""
    speech = write_speech(tmp_path / "in.wav", 160000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, grace_s=0.1)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    with running(receiver):
        with running(sender):
            wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.received >= 2)
        assert receiver.wait(DEADLINE_S)
    (stream,) = receiver.snapshots()
    assert stream.state is LinkState.FAILED
    assert "did not come back" in stream.reason
    received = read_pcm16(stream.files[0])
    assert len(received) >= 2 * PLAN.hop_samples
    assert np.array_equal(received[:2880], locally_coded(speech, tiny_codec, most_chunks=1)[:2880])


@pytest.mark.parametrize("plan", [PLAN, ChunkPlan(3200, 0, Stitching.SEAMLESS)], ids=["crossfade", "seamless"])
def test_a_restarted_receiver_goes_on_with_its_file(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, plan: ChunkPlan
) -> None:
    """A receiver that was stopped dead and started again appends to what it had: the file is as if nothing had been."""
    speech = write_speech(tmp_path / "in.wav", 32000)
    first = make_receiver(tmp_path / "out", tiny_codec)
    with Cutter(first.port) as network:
        sender = make_sender(speech, network.port, tiny_codec, realtime=True, plan=plan)
        with running(sender):
            with running(first):
                wait_until(lambda: first.snapshots() and first.snapshots()[0].chunks.saved >= 5)
                network.target_port = None
                network.cut()
            second = make_receiver(tmp_path / "out", tiny_codec, once=True)
            network.target_port = second.port
            with running(second):
                assert sender.wait(DEADLINE_S)
                assert second.wait(DEADLINE_S)
    assert sender.error is None
    assert only_file(second) == only_file(first)
    assert np.array_equal(read_pcm16(only_file(second)), locally_coded(speech, tiny_codec, plan))
    assert not list((tmp_path / "out").glob(".*.json"))


def test_a_receiver_that_knows_nothing_of_a_stream_begins_a_new_file(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """Elsewhere the stream goes on in a file of its own, which begins where the sender still has sound."""
    speech = write_speech(tmp_path / "in.wav", 32000)
    first = make_receiver(tmp_path / "out", tiny_codec)
    with Cutter(first.port) as network:
        sender = make_sender(speech, network.port, tiny_codec, realtime=True)
        with running(sender):
            with running(first):
                wait_until(lambda: sender.snapshots()[0].chunks.acknowledged >= 3)
                network.target_port = None
                network.cut()
            second = make_receiver(tmp_path / "elsewhere", tiny_codec, once=True)
            network.target_port = second.port
            with running(second):
                assert sender.wait(DEADLINE_S)
                assert second.wait(DEADLINE_S)
    received, whole = read_pcm16(only_file(second)), locally_coded(speech, tiny_codec)
    assert PLAN.hop_samples <= len(received) <= len(whole) - 3 * PLAN.hop_samples
    assert np.array_equal(received[PLAN.overlap_samples :], whole[len(whole) - len(received) + PLAN.overlap_samples :])
