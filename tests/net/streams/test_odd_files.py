"""Files that are not as they say, streamed: both ends know the truth at the end, and neither waits for more."""

from pathlib import Path

import numpy as np
import pytest

from codec.codec import Codec
from codec.errors import IncompleteSound
from esc_tui.errors import ExitCode, exit_code
from net.telemetry.stats import LinkState
from tests.codec.sound.sounds import coded, damaged, noise, pcm16, wav, without_length
from tests.net.links import DEADLINE_S, locally_coded, make_receiver, make_sender, read_pcm16, running

SOUND = noise(2.0)


@pytest.mark.parametrize("name", ["killed.wav", "piped.flac"])
def test_a_sound_of_unknown_length_arrives_whole(tmp_path: Path, tiny_codec: Codec, name: str) -> None:
    """Both ends show its true length at the end."""
    data = wav(pcm16(SOUND), 0, 36) if name == "killed.wav" else without_length(coded(SOUND, "FLAC"))
    (tmp_path / name).write_bytes(data)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(tmp_path / name, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
    assert sender.error is None
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert sent.total_s == received.total_s == received.audio_s == 2.0
    assert np.array_equal(read_pcm16(received.files[0]), locally_coded(tmp_path / name, tiny_codec))


def test_damage_ends_the_stream_with_what_could_be_read(tmp_path: Path, tiny_codec: Codec) -> None:
    """The receiver saves it and ends at once, whatever its grace; the sender fails, with the exit code of a part."""
    path = tmp_path / "a.flac"
    path.write_bytes(damaged(coded(noise(4.0), "FLAC"), 0.5))
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, grace_s=10 * DEADLINE_S)
    sender = make_sender(path, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert receiver.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert isinstance(sender.error, IncompleteSound)
    assert exit_code(sender.error) is ExitCode.PARTLY_FAILED
    assert (sent.state, received.state) == (LinkState.FAILED, LinkState.DONE)
    assert "missing" in sent.reason
    assert "its input failed" in received.reason
    assert received.total_s == 4.0
    assert received.audio_s == sent.audio_s > 3.6
    assert np.array_equal(read_pcm16(received.files[0]), locally_coded(path, tiny_codec))
