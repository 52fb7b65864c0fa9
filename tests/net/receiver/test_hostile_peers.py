"""Peers that mean harm: what they send is bounded, and what they are called is only text."""

import contextlib
import gc
import json
import logging
import secrets
import socket
import threading
import time
import tracemalloc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan
from codec.codec import Codec
from codec.errors import EscError
from codec.files.esc_chunks import header_for
from esc_tui.errors import print_error
from esc_tui.plain.headless import JsonOutput, ProgressOutput, print_summary
from net.errors import StreamRefused
from net.protocol.frames import PREAMBLE, encode_chunk, encode_control, payload_bytes
from net.protocol.limits import DEFAULT_LIMITS, Limits
from net.protocol.messages import End, Hello
from net.receiver.engine import Receiver
from net.receiver.incoming_stream import IncomingStream
from net.settings import QuotaLimits, TlsSettings
from net.telemetry.stats import LinkState
from net.text import printable
from net.transport.security.identity import make_identity
from net.transport.security.tls import TlsTransport, tls_context
from tests.conftest import WaitUntil
from tests.net.links import DEADLINE_S, make_receiver, make_sender, read_pcm16, running, write_speech
from tests.net.protocol.exchange import HELLO
from tests.net.transport.sockets import MeteredTransport

HOSTILE = [
    "[red]not red[/red]",
    "[/]",
    "\x1b[2J\x1b]0;title\x07",
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\con\\",
    "\u202etxt.exe\u2066",
    "a\nb\rc\x00d\x9be",
    "\U000e0041\ufeff\u200b",
    "漢" * 200,
    "e" + "\u0301" * 199,
]
HARMLESS_CONTROLS = "\n"


def hello_for(codec: Codec, plan: ChunkPlan, **changes: object) -> Hello:
    header = header_for(codec, codec.max_streams, plan)
    return replace(
        HELLO,
        stream_id=secrets.token_bytes(16),
        fingerprint=header.fingerprint,
        sample_rate=header.sample_rate,
        chunk_samples=plan.chunk_samples,
        overlap_samples=plan.overlap_samples,
        num_streams=header.num_streams,
        groups=header.groups,
        bits_per_code=header.bits_per_code,
        **changes,
    )


@contextmanager
def greeting(receiver: Receiver, hello: Hello, limits: Limits = DEFAULT_LIMITS) -> Iterator[socket.socket]:
    """A connection that has said HELLO."""
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.settimeout(DEADLINE_S)
        connection.sendall(PREAMBLE + encode_control(hello, limits))
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            data += part
    return data


def test_memory_for_one_connection_is_bounded(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest frames, as fast as they go, while nothing is decoded: no more than the window of them is held."""
    decoding = threading.Event()
    monkeypatch.setattr("net.receiver.decoding.unpack_codes", lambda *_arguments: decoding.wait() and 1 / 0)
    hello = hello_for(tiny_codec, ChunkPlan(480_000, 0))
    payload = bytes(payload_bytes(hello, hello.num_streams, hello.chunk_samples, True))
    window = 20
    frames = [
        encode_chunk(
            PackedChunk(index=index, samples=hello.chunk_samples, num_streams=hello.num_streams, payload=payload), hello
        )
        for index in range(4 * window)
    ]
    with running(receiver := make_receiver(tmp_path, tiny_codec, queue_chunks=window)):
        tracemalloc.start()
        try:
            with greeting(receiver, hello) as peer:
                wait_until(receiver.snapshots)
                before, _ = tracemalloc.get_traced_memory()
                with contextlib.suppress(OSError):
                    for frame in frames:
                        peer.sendall(frame)
                answer = read_to_end(peer)
                _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            decoding.set()
        assert b"the most, wait to be acknowledged" in answer
    assert most - before < (window + 4) * len(frames[0]) + 500_000


def test_the_disk_limit_ends_a_stream_with_its_reason(tmp_path: Path, tiny_codec: Codec) -> None:
    """What fits is saved and whole, the sender is told why, and the next one is refused at once."""
    speech = write_speech(tmp_path / "in.wav", 160_000)
    limits = QuotaLimits(max_disk_bytes=60_000)
    receiver = make_receiver(tmp_path / "out", tiny_codec, intake=limits)
    senders = [make_sender(speech, receiver.port, tiny_codec) for _ in range(2)]
    with running(receiver):
        for sender in senders:
            with running(sender):
                assert sender.wait(DEADLINE_S)
    for sender in senders:
        assert isinstance(sender.error, StreamRefused)
        assert sender.error.code == "storage"
    stream = receiver.snapshots()[0]
    assert stream.state is LinkState.FAILED
    assert "may save" in stream.reason
    assert len(read_pcm16(stream.files[0])) > 0
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 60_000


def test_who_breaks_the_protocol_holds_no_place(tmp_path: Path, tiny_codec: Codec) -> None:
    """Nobody waits for its sender to come back, and what had come is saved: the next stream finds room at once."""
    plan = ChunkPlan(3200, 320)
    receiver = make_receiver(tmp_path / "out", tiny_codec, max_connections=1, grace_s=1000.0)
    with running(receiver):
        with greeting(receiver, hello_for(tiny_codec, plan)) as peer:
            assert peer.recv(1)
            peer.sendall(bytes([99, 0, 0, 0]))
            assert b"protocol" in read_to_end(peer)
        sender = make_sender(write_speech(tmp_path / "in.wav", 3200), receiver.port, tiny_codec)
        with running(sender):
            assert sender.wait(DEADLINE_S)
        assert sender.error is None
        assert receiver.snapshots()[0].state is LinkState.FAILED
        assert "broke the protocol" in receiver.snapshots()[0].reason


def test_nothing_is_kept_of_a_failed_stream_that_begins_again(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """Whoever breaks one stream again and again under the same identity fills no memory."""
    plan = ChunkPlan(3200, 320)
    hello = hello_for(tiny_codec, plan)
    too_long = encode_control(End(2, 4800, True), DEFAULT_LIMITS)
    with running(receiver := make_receiver(tmp_path, tiny_codec, intake=QuotaLimits(max_stream_s=0.25))):
        failed: list[weakref.ref[IncomingStream]] = []
        for resume in (False, True, True):
            with greeting(receiver, replace(hello, resume=resume)) as peer:
                assert peer.recv(1)
                failed.append(weakref.ref(receiver._registry.all()[-1]))
                peer.sendall(too_long)
                read_to_end(peer)
            wait_until(lambda: all(stream.ended for stream in receiver._registry.all()))
        wait_until(lambda: gc.collect() >= 0 and [stream() is None for stream in failed] == [True, True, False])


def test_silence_at_the_end_is_not_free(tmp_path: Path, tiny_codec: Codec) -> None:
    """An END that counts most of an hour of sound that never came fills no disk."""
    plan = ChunkPlan(16_000, 0)
    receiver = make_receiver(tmp_path, tiny_codec, intake=QuotaLimits(max_disk_bytes=100_000))
    with running(receiver), greeting(receiver, hello_for(tiny_codec, plan)) as peer:
        peer.recv(len(PREAMBLE))
        peer.sendall(encode_control(End(3000, 3000 * 16_000, True), DEFAULT_LIMITS))
        assert b"storage" in read_to_end(peer)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 100_000


def test_a_record_that_trickles_ends_in_time(tmp_path: Path) -> None:
    """Over TLS, too, a byte now and then buys no time."""
    left, right = socket.socketpair()
    ours, theirs = MeteredTransport(left), MeteredTransport(right)
    try:
        left.settimeout(DEADLINE_S)
        stop = threading.Event()
        identity = make_identity(tmp_path, "bob")
        sent = threading.Thread(target=_trickle, args=(right, stop))
        sent.start()
        began_s = time.monotonic()
        with pytest.raises(EscError, match=r"in time|TLS"):
            TlsTransport(ours, tls_context(identity), 0.3, server=False)
        assert time.monotonic() - began_s < DEADLINE_S
    finally:
        stop.set()
        sent.join()
        ours.close()
        theirs.close()


def _trickle(connection: socket.socket, stop: threading.Event) -> None:
    for byte in b"\x16\x03\x03\x3f\xff\x02" + bytes(1000):
        with contextlib.suppress(OSError):
            connection.sendall(bytes([byte]))
        if stop.wait(0.02):
            return


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_peer_does_anything(
    name: str, tmp_path: Path, tiny_codec: Codec, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither file system, terminal nor log sees more of it than its printable characters."""
    out = tmp_path / "out"
    caplog.set_level(logging.INFO)
    receiver = make_receiver(out, tiny_codec)
    hello = hello_for(tiny_codec, ChunkPlan(3200, 320), name=name, sender=name, model=name)
    with running(receiver), greeting(receiver, hello) as peer:
        assert peer.recv(1)  # whoever says END before it was accepted breaks the protocol
        peer.sendall(encode_control(End(0, 0, True), DEFAULT_LIMITS))
        peer.shutdown(socket.SHUT_WR)
        read_to_end(peer)
        (stream,) = receiver._registry.all()
        assert stream.wait(DEADLINE_S)
        for output in (ProgressOutput([receiver]), JsonOutput([receiver])):
            output.show()
            output.close()
        print_summary([receiver])
        print_error(StreamRefused(name, "policy"))
    printed, told = capfd.readouterr()
    for text in (told, caplog.text):
        assert _harmless(text)
    summary = [line for line in printed.splitlines() if not line.startswith("{")]
    assert _harmless("".join(summary))
    shown = printable(name, DEFAULT_LIMITS.name_chars)
    assert any(shown[:20] in line for line in summary)
    assert all(json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) in ([".wav"], [".json", ".wav"])
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_an_end_before_the_answer_is_told_as_such(tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil) -> None:
    """HELLO and END in one packet: the peer broke the protocol, and it is not the receiver that was stopped."""
    receiver = make_receiver(tmp_path, tiny_codec)
    hello = hello_for(tiny_codec, ChunkPlan(3200, 320))
    said = PREAMBLE + encode_control(hello, DEFAULT_LIMITS) + encode_control(End(0, 0, True), DEFAULT_LIMITS)
    with running(receiver), socket.create_connection(("127.0.0.1", receiver.port)) as peer:
        peer.sendall(said)
        wait_until(lambda: any("broke the protocol" in event.text for event in receiver.events_since(0)))


@pytest.mark.parametrize("name", HOSTILE)
def test_raw_names_are_refused(name: str, tmp_path: Path, tiny_codec: Codec) -> None:
    """A peer that does not keep to printable characters is refused, and its name is not repeated."""
    hello = hello_for(tiny_codec, ChunkPlan(3200, 320))
    frame = encode_control(replace(hello, name="NAME"), DEFAULT_LIMITS)
    raw = name.encode()
    head, tail = frame.split(b"\xa4NAME")
    body = head[4:] + b"\xda" + len(raw).to_bytes(2, "big") + raw + tail
    with running(receiver := make_receiver(tmp_path, tiny_codec)):
        with socket.create_connection(("127.0.0.1", receiver.port)) as peer:
            peer.settimeout(DEADLINE_S)
            peer.sendall(PREAMBLE + b"\x01" + len(body).to_bytes(3, "big") + body)
            if name.isprintable():
                assert peer.recv(65536)
            else:
                assert b"\xa4code" in read_to_end(peer)
                assert receiver.snapshots() == ()
        events = "".join(event.text for event in receiver.events_since(0))
    assert _harmless(events)


def test_a_file_with_a_hostile_name_is_sent_under_a_printable_one(tmp_path: Path, tiny_codec: Codec) -> None:
    """The sender's own screen does not show what a downloaded file's name would do, either."""
    speech = write_speech(tmp_path / "in.wav", 3200)
    speech = speech.rename(tmp_path / "\x1b[2J[red]\u202egnp.wav")
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    sender = make_sender(speech, receiver.port, tiny_codec)
    with running(receiver, sender):
        assert receiver.wait(DEADLINE_S)
    for engine in (sender, receiver):
        assert engine.snapshots()[0].source == "\ufffd[2J[red]\ufffdgnp.wav"


def test_untrusted_names_in_certificates_are_printable(tmp_path: Path, tiny_codec: Codec) -> None:
    """A sender's certificate may claim any name: what is shown and logged of it is printable."""
    sender_tls = TlsSettings(folder=tmp_path / "alice", trusted=frozenset())
    make_identity(tmp_path / "alice", "\x1b[31m[red]alice\n")
    bob = make_identity(tmp_path / "bob", "bob").fingerprint
    receiver = make_receiver(tmp_path / "out", tiny_codec, tls=TlsSettings(folder=tmp_path / "bob"))
    speech = write_speech(tmp_path / "in.wav", 3200)
    trusting = TlsSettings(folder=sender_tls.folder, trusted=frozenset({bob}))
    with running(receiver, sender := make_sender(speech, receiver.port, tiny_codec, tls=trusting)):
        assert sender.wait(DEADLINE_S)
    assert all(_harmless(event.text) for event in receiver.events_since(0))
    assert any("[31m[red]alice" in event.text for event in receiver.events_since(0))


def _harmless(text: str) -> bool:
    return all(character.isprintable() or character in HARMLESS_CONTROLS for character in text)


def test_a_frame_that_leaves_out_much_is_silence_at_once(tmp_path: Path, tiny_codec: Codec) -> None:
    """Thirty bytes may stand for minutes of missing chunks: they are written in large pieces, as long as they were."""
    plan, minutes = ChunkPlan(320, 0), 1
    hello, chunks = hello_for(tiny_codec, plan), minutes * 60 * 50
    receiver = make_receiver(tmp_path / "out", tiny_codec, once=True)
    written: list[int] = []
    with running(receiver), greeting(receiver, hello) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "net.receiver.resume_checkpoint.ResumeCheckpoint.write",
            lambda _checkpoint, position: written.append(position.chunks),
        )
        patch.setattr("net.receiver.stream_registry.FAREWELL_S", 0.0)  # this peer says no more
        assert connection.recv(4096)  # ACCEPT
        connection.sendall(encode_control(End(chunks, chunks * 320, True), DEFAULT_LIMITS))
        connection.shutdown(socket.SHUT_WR)
        assert receiver.wait(DEADLINE_S)
    (stream,) = receiver.snapshots()
    assert len(read_pcm16(stream.files[0])) == minutes * 60 * 16000
    assert len(written) <= minutes * 60 / 10 + 1
