"""Codes at rest through the link: sent from `.esc` files without an encoder, and stored as they arrive."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec import compress
from codec.chunks.plan import ChunkPlan, Stitching
from codec.codec import Codec
from codec.container import EscReader
from codec.errors import ContainerError, UsageError
from codec.files.in_memory import decompress
from codec.sound.wav import to_pcm16
from net.sender.engine import Sender
from net.settings import SenderSettings
from net.telemetry.stats import LinkState
from tests.conftest import WaitUntil
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

SOUND = np.random.default_rng(0).normal(0, 0.1, 20001).astype(np.float32)


class NoEncoder:
    """Stands where a model would: any use of it fails the test."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the sender asked for {name}")


def sent(path: Path, receiver_folder: Path, codec: Codec, **changes: Any) -> Path:
    """Send a file to a receiver that stores codes; return what it stored."""
    receiver = make_receiver(receiver_folder, codec, once=True, save_codes=True)
    sender = make_sender(path, receiver.port, NoEncoder() if path.suffix == ".esc" else codec, **changes)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    (stats,) = receiver.snapshots()
    assert stats.state is LinkState.DONE
    _, codes = stats.files
    return Path(codes)


def test_what_arrives_is_stored_as_it_is(tmp_path: Path, tiny_codec: Codec) -> None:
    """The stored file holds the very codes that were sent: it decodes to what the receiver saved as sound."""
    speech = write_speech(tmp_path / "in.wav", 20001)
    stored = sent(speech, tmp_path / "out", tiny_codec)
    with EscReader(stored) as reader:
        assert (reader.total_samples, reader.complete, reader.damage()) == (20001, True, ())
        assert reader.header.plan == PLAN
    np.testing.assert_array_equal(to_pcm16(decompress(stored, tiny_codec)), locally_coded(speech, tiny_codec))
    np.testing.assert_array_equal(read_pcm16(stored.with_suffix(".wav")), locally_coded(speech, tiny_codec))


@pytest.mark.parametrize("stitching", list(Stitching))
def test_skipped_silence_sounds_the_same_live_and_stored(
    tmp_path: Path, tiny_codec: Codec, stitching: Stitching
) -> None:
    """Chunks announced as silence cost a byte; stored, they give the comfort noise that the receiver has given."""
    level = np.repeat([0.3, 2e-4, 0.3, 2e-4, 0.3], 16000).astype(np.float32)
    soundfile.write(tmp_path / "in.wav", level * np.random.default_rng(1).normal(0, 1, len(level)).clip(-3, 3), 16000)
    plan = ChunkPlan(3200, 320 if stitching is Stitching.CROSSFADE else 0, stitching)
    stored = sent(tmp_path / "in.wav", tmp_path / "out", tiny_codec, skip_silence=True, plan=plan)
    with EscReader(stored) as reader:
        silent = [chunk.index for chunk in reader.chunks() if chunk and chunk.silence_dbfs is not None]
    received = read_pcm16(stored.with_suffix(".wav"))
    assert len(silent) >= 4
    assert len(received) == len(level)
    noise = received[plan.start(silent[0]) + 320 :][: plan.chunk_samples - 640] / 32768
    assert noise.std() == pytest.approx(2e-4, rel=0.15)
    np.testing.assert_allclose(to_pcm16(decompress(stored, tiny_codec)), received, atol=3)  # decoded in other spans


@pytest.mark.parametrize("streams", [6, 2])
def test_stored_codes_are_sent_without_an_encoder(tmp_path: Path, tiny_codec: Codec, streams: int) -> None:
    """What arrives is byte for byte the file that was sent, or at fewer streams the file thinned to them."""
    (tmp_path / "in.esc").write_bytes(compress(SOUND, tiny_codec, plan=PLAN))
    stored = sent(tmp_path / "in.esc", tmp_path / "out", tiny_codec, num_streams=streams)
    expected = bytearray(compress(SOUND, tiny_codec, num_streams=streams, plan=PLAN))
    with EscReader(stored) as reader:
        np.testing.assert_array_equal(decompress(stored, tiny_codec), decompress(bytes(expected), tiny_codec))
        assert reader.header.num_streams == streams
        assert reader.file_bytes == len(expected)


def test_damaged_chunks_are_left_out_and_told(tmp_path: Path, tiny_codec: Codec) -> None:
    """One flipped bit costs one chunk: silence stands for it at the receiver, and both sides say so."""
    data = bytearray(compress(SOUND, tiny_codec, plan=PLAN))
    data[len(data) // 2] ^= 1
    (tmp_path / "in.esc").write_bytes(data)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, save_codes=True)
    sender = make_sender(tmp_path / "in.esc", receiver.port, tiny_codec)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert any("is damaged" in event.text for event in sender.events_since(0))
    (stats,) = receiver.snapshots()
    assert stats.chunks.lost == 1
    with EscReader(Path(stats.files[1])) as reader:
        assert reader.missing_chunks == 1
        assert reader.total_samples == len(SOUND)


def test_a_muted_sender_sends_silence(tmp_path: Path, tiny_codec: Codec) -> None:
    """Muting reaches stored codes too: no codes leave, and the sound's length stays."""
    (tmp_path / "in.esc").write_bytes(compress(SOUND, tiny_codec, plan=PLAN))
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, save_codes=True)
    sender = make_sender(tmp_path / "in.esc", receiver.port, tiny_codec)
    sender.set_muted(True)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    (stats,) = receiver.snapshots()
    assert not read_pcm16(stats.files[0]).any()
    with EscReader(Path(stats.files[1])) as reader:
        assert all(chunk and chunk.silence_dbfs == -127 for chunk in reader.chunks())
        assert reader.total_samples == len(SOUND)


def test_a_stream_stopped_early_leaves_a_whole_file(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """Where the receiver is stopped while codes arrive, what came is a finished file that says it is not complete."""
    (tmp_path / "in.esc").write_bytes(compress(np.tile(SOUND, 3), tiny_codec, plan=PLAN))
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, save_codes=True)
    sender = make_sender(tmp_path / "in.esc", receiver.port, tiny_codec, realtime=True)
    with running(receiver, sender):
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.saved > 1)
    (codes,) = (tmp_path / "out").glob("*.esc*")
    with EscReader(codes) as reader:
        assert codes.suffix == ".esc"
        assert not reader.complete
        assert reader.chunk_count > 1
        assert reader.damage() == ()


def test_files_that_cannot_be_sent_are_refused(tmp_path: Path, tiny_codec: Codec) -> None:
    """Two channels do not fit a stream, and a broken header is named, before any connection is made."""
    (tmp_path / "stereo.esc").write_bytes(compress(np.stack([SOUND, SOUND]), tiny_codec, plan=PLAN))
    (tmp_path / "broken.esc").write_bytes(b"nothing")
    for name, kind in (("stereo.esc", UsageError), ("broken.esc", ContainerError)):
        sender = Sender(SenderSettings(input=tmp_path / name))
        with pytest.raises(kind, match=name):
            sender.start()
        sender.stop()
