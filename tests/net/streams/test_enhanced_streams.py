"""Enhanced sound over loopback."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.codec import Codec
from codec.sound.enhancement import Enhancer
from net.telemetry.stats import LinkState
from tests.net.links import DEADLINE_S, locally_coded, make_receiver, make_sender, read_pcm16, running, write_speech

pytest.importorskip("webrtc_noise_gain", reason="the extra voice is not installed")


def test_a_file_is_enhanced_before_it_is_coded(tmp_path: Path, tiny_codec: Codec) -> None:
    """What is received is what the enhanced sound gives without a link, to the sample."""
    source = write_speech(tmp_path / "speech.wav", 40003)
    audio, rate = soundfile.read(source, dtype="float32")
    enhancer = Enhancer()
    enhanced = np.concatenate([enhancer.push(audio), enhancer.finish()])
    soundfile.write(tmp_path / "enhanced.wav", enhanced, rate, subtype="FLOAT")
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(source, receiver.port, tiny_codec, enhance=True)
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        assert receiver.wait(DEADLINE_S)
        (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert sent.state is received.state is LinkState.DONE
    assert (sent.enhanced, received.enhanced) == (True, None)
    assert sent.sound.input_dbfs is not None
    np.testing.assert_array_equal(read_pcm16(received.files[0]), locally_coded(tmp_path / "enhanced.wav", tiny_codec))


def test_the_bypass_is_shown_and_logged_once(tmp_path: Path, tiny_codec: Codec) -> None:
    """A sender says whether it enhances; one that cannot ignores the wish."""
    source = write_speech(tmp_path / "speech.wav", 16000)
    for enhance in (True, False):
        sender = make_sender(source, 1, tiny_codec, enhance=enhance)
        with running(sender):
            for enhanced in (False, False, True):
                sender.set_enhanced(enhanced)
                assert sender.snapshots()[0].enhanced is (enhanced if enhance else None)
            texts = [event.text for event in sender.events_since(0)]
        assert texts.count("enhancement bypassed") == texts.count("enhancement on again") == (1 if enhance else 0)
