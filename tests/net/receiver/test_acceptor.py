"""Who gets into a receiver, and what those who do not are told."""

import contextlib
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from codec.codec import Codec
from codec.errors import UsageError
from net.protocol.frames import PREAMBLE
from net.receiver.engine import Receiver
from net.settings import ConnectionLimits, ReceiverSettings
from net.telemetry.stats import LinkState
from net.transport.listening import is_loopback
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, locally_coded, make_receiver, make_sender, read_pcm16, running, write_speech


def connect(receiver: Receiver) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", receiver.port))
    connection.settimeout(DEADLINE_S)
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - that is the point
def test_beyond_this_machine_nothing_is_open_by_accident(host: str, tmp_path: Path) -> None:
    """Without --tls or --insecure such a receiver does not even bind, and says what to type."""
    receiver = Receiver(ReceiverSettings(host=host, port=0, save_path=tmp_path))
    with pytest.raises(UsageError, match=r"--tls .* --insecure"):
        receiver.listen()
    assert receiver.port == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1"])
def test_this_machine_needs_no_encryption(host: str, tmp_path: Path, tiny_codec: Codec) -> None:
    """Loopback is judged by address, not by name."""
    with running(Receiver(ReceiverSettings(host=host, port=0, save_path=tmp_path), codec=tiny_codec)):
        pass


def test_insecure_is_a_choice(tmp_path: Path, tiny_codec: Codec) -> None:
    """Whoever says so may listen in the clear."""
    settings = ReceiverSettings(host="0.0.0.0", port=0, save_path=tmp_path, insecure=True)  # noqa: S104 - likewise
    with running(Receiver(settings, codec=tiny_codec)):
        pass


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - likewise
        ("::", False),
        ("10.0.0.1", False),
        ("128.0.0.1", False),
        ("", False),
        ("somewhere", False),
    ],
)
def test_loopback_addresses(address: str, own: bool) -> None:
    """All of 127/8 and ::1, mapped ones too, and nothing else."""
    assert is_loopback(address) is own


def test_a_refusal_reaches_who_goes_on_sending(tmp_path: Path, tiny_codec: Codec) -> None:
    """The reason is not lost by a reset, though the peer has sent much that nobody reads."""
    with running(receiver := make_receiver(tmp_path, tiny_codec)), connect(receiver) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n" + b"x" * 300_000)
        answer = read_to_end(peer)
    assert answer.startswith(PREAMBLE + b"\x03")
    assert b"protocol" in answer


def test_a_limit_is_named_as_such(tmp_path: Path, tiny_codec: Codec) -> None:
    """A frame that is too long is refused with the code "limit", before its body comes."""
    with running(receiver := make_receiver(tmp_path, tiny_codec)), connect(receiver) as peer:
        peer.sendall(PREAMBLE + b"\x01\xff\xff\xff")
        assert b"\xa5limit" in read_to_end(peer)


@pytest.mark.parametrize("first", [b"", PREAMBLE, PREAMBLE + b"\x01\x00\x0f\xff"])
def test_who_trickles_is_dropped_in_time(tmp_path: Path, tiny_codec: Codec, first: bytes) -> None:
    """One deadline covers all until HELLO is whole: a byte now and then does not move it."""
    limits = ConnectionLimits(handshake_s=0.5)
    with running(receiver := make_receiver(tmp_path, tiny_codec, admission=limits)), connect(receiver) as peer:
        began_s = time.monotonic()
        peer.sendall(first)
        peer.settimeout(0.05)
        ended = False
        while not ended:
            assert time.monotonic() - began_s < DEADLINE_S
            try:
                ended = peer.recv(4096) == b""
            except TimeoutError:
                if len(first) > len(PREAMBLE):
                    peer.sendall(b"x")
            except ConnectionError:
                ended = True


def test_two_hundred_at_once_beside_a_good_stream(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """The stream goes on undisturbed; the crowd is dropped or told to come later; threads are few."""
    speech = write_speech(tmp_path / "in.wav", 24000)
    receiver = make_receiver(tmp_path / "out", tiny_codec)
    sender = make_sender(speech, receiver.port, tiny_codec, realtime=True)
    most_threads = 0
    with running(receiver, sender), contextlib.ExitStack() as crowd:
        wait_until(lambda: receiver.snapshots() and receiver.snapshots()[0].chunks.received >= 1)
        before = threading.active_count()
        peers = [crowd.enter_context(connect(receiver)) for _ in range(200)]
        for peer in peers[::2]:
            with contextlib.suppress(OSError):
                peer.sendall(b"garbage " * 20)
        most_threads = threading.active_count() - before
        late = make_sender(speech, receiver.port, tiny_codec)
        with running(late):
            assert late.wait(DEADLINE_S)
        assert sender.wait(DEADLINE_S)
        streams = receiver.snapshots()
    assert sender.error is None
    assert late.error is None
    assert most_threads <= 2 * ConnectionLimits().max_connections
    assert [stream.state for stream in streams] == [LinkState.DONE] * 2
    for stream in streams:
        assert np.array_equal(read_pcm16(stream.files[0]), locally_coded(speech, tiny_codec))


def test_one_too_many_is_told_busy_and_may_come_later(tmp_path: Path, tiny_codec: Codec) -> None:
    """At the limit a connection comes in, one past it is told why, and when one leaves there is room again."""
    speech = write_speech(tmp_path / "in.wav", 32000)
    limits = ConnectionLimits(max_connections=2, max_per_address=2)
    receiver = make_receiver(tmp_path / "out", tiny_codec, admission=limits)
    senders = [make_sender(speech, receiver.port, tiny_codec, realtime=True) for _ in range(2)]
    with running(receiver, *senders):
        assert all(sender.snapshots() for sender in senders)
        while len([s for s in receiver.snapshots() if s.state is LinkState.STREAMING]) < 2:
            threading.Event().wait(0.01)
        with connect(receiver) as third:
            third.sendall(b"x" * 100_000)
            assert b"\xa4busy" in read_to_end(third)
        assert all(sender.wait(DEADLINE_S) for sender in senders)
        late = make_sender(speech, receiver.port, tiny_codec)
        with running(late):
            assert late.wait(DEADLINE_S)
    assert [sender.error for sender in (*senders, late)] == [None] * 3


def test_who_is_being_told_why_not_makes_room(tmp_path: Path, tiny_codec: Codec) -> None:
    """Refused peers that do not hang up get a moment to read, but not at the cost of a stream."""
    speech = write_speech(tmp_path / "in.wav", 16000)
    limits = ConnectionLimits(max_connections=2, max_per_address=2)
    with (
        running(receiver := make_receiver(tmp_path / "out", tiny_codec, admission=limits)),
        contextlib.ExitStack() as bad,
    ):
        for _ in range(limits.max_connections):
            peer = bad.enter_context(connect(receiver))
            peer.sendall(b"garbage " * 20)
            assert b"protocol" in read_to_end(peer)
        sender = make_sender(speech, receiver.port, tiny_codec)
        with running(sender):
            assert sender.wait(DEADLINE_S)
    assert sender.error is None
