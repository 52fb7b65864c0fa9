import socket
from pathlib import Path

import pytest

from codec.codec import Codec
from tests.net.links import make_receiver, make_sender, read_pcm16, running, write_speech

SAMPLES = 20000


def granted_bytes(option: int, asked_bytes: int) -> int:
    """What this system grants to a socket that asks for so much."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, option, asked_bytes)
        return probe.getsockopt(socket.SOL_SOCKET, option)


@pytest.mark.parametrize(("sending", "receiving"), [(4096, 4096), (1024, 32768), (1 << 26, 1 << 26)])
def test_what_the_system_granted_is_measured(
    tmp_path: Path, tiny_codec: Codec, *, sending: int, receiving: int
) -> None:
    """Each end's socket has the size that was asked for, as far as the system grants it, and sound passes whole."""
    speech = write_speech(tmp_path / "in.wav", SAMPLES)
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True, socket_buffer_bytes=receiving)
    sender = make_sender(speech, receiver.port, tiny_codec, socket_buffer_bytes=sending)
    (waiting,) = sender.snapshots()
    assert waiting.socket_buffer_bytes is None
    with running(receiver, sender):
        assert sender.wait(30)
        assert receiver.wait(30)
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert sent.socket_buffer_bytes == granted_bytes(socket.SO_SNDBUF, sending)
    assert received.socket_buffer_bytes == granted_bytes(socket.SO_RCVBUF, receiving)
    assert len(read_pcm16(received.files[0])) == SAMPLES
