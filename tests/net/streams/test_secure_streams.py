"""Streams over TLS: who trusts whom, and what becomes of those who are not trusted."""

import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from cryptography.x509 import load_pem_x509_certificate

from codec.codec import Codec
from esc_tui.errors import ExitCode, exit_code
from net.errors import ConnectError, HandshakeFailed, KnownPeersError, PeerNotTrusted, StreamRefused
from net.receiver.engine import Receiver
from net.sender.engine import Sender
from net.settings import ReceiverSettings, SenderSettings, TlsSettings
from net.telemetry.stats import LinkState, Severity
from net.transport.security.identity import fingerprint_of, make_identity
from net.transport.security.trust_questions import TrustQuestion, TrustQuestions
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
from tests.net.throttle import Throttle


class Sides:
    """The folders of a receiver's and a sender's keys, and their fingerprints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.speech = write_speech(folder / "in.wav", 8000)
        self.receiver = make_identity(folder / "bob", "bob").fingerprint
        self.sender = make_identity(folder / "alice", "alice").fingerprint

    def receiving(self, *trusted: str, allowed: frozenset[str] | None = None) -> TlsSettings:
        return TlsSettings(folder=self.folder / "bob", trusted=frozenset(trusted), allowed=allowed)

    def sending(self, *trusted: str) -> TlsSettings:
        return TlsSettings(folder=self.folder / "alice", trusted=frozenset(trusted))


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def stream(receiver: Receiver, sender: Sender) -> None:
    with running(receiver, sender):
        assert sender.wait(DEADLINE_S)
        if sender.error is None:
            assert receiver.wait(DEADLINE_S)


def test_a_secure_stream_arrives_bit_for_bit_and_is_known_the_next_time(sides: Sides, tiny_codec: Codec) -> None:
    """Both sides show that it is encrypted, and with whom; --trust is needed for the first contact only."""
    out = sides.folder / "out"
    receiver = make_receiver(out, tiny_codec, once=True, tls=sides.receiving(sides.sender))
    port = receiver.port
    sender = make_sender(sides.speech, port, tiny_codec, tls=sides.sending(sides.receiver))
    stream(receiver, sender)
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert sender.error is None
    assert np.array_equal(read_pcm16(received.files[0]), locally_coded(sides.speech, tiny_codec))
    assert sent.secure
    assert received.secure
    assert f"alice {sides.sender[:9]}" in received.peer
    assert f"bob {sides.receiver[:9]}" in sent.peer
    again = make_receiver(out, tiny_codec, once=True, tls=sides.receiving(), port=port)
    sender = make_sender(sides.speech, port, tiny_codec, tls=sides.sending())
    stream(again, sender)
    assert sender.error is None


def test_a_stream_in_the_clear_does_not_claim_to_be_secure(sides: Sides, tiny_codec: Codec) -> None:
    """The lock tells the truth."""
    receiver = make_receiver(sides.folder / "out", tiny_codec, once=True)
    sender = make_sender(sides.speech, receiver.port, tiny_codec)
    stream(receiver, sender)
    assert not sender.snapshots()[0].secure
    assert not receiver.snapshots()[0].secure


def test_first_contact_needs_trust(sides: Sides, tiny_codec: Codec) -> None:
    """Nobody is there to ask, so the sender ends at once, and says what to type."""
    receiver = make_receiver(sides.folder / "out", tiny_codec, tls=sides.receiving(sides.sender))
    sender = make_sender(sides.speech, receiver.port, tiny_codec, tls=sides.sending())
    stream(receiver, sender)
    assert isinstance(sender.error, PeerNotTrusted)
    assert f"--trust {sides.receiver}" in str(sender.error)
    assert exit_code(sender.error) is ExitCode.NOT_TRUSTED
    assert receiver.snapshots() == ()


@pytest.mark.parametrize("side", ["receiver", "sender"])
def test_a_broken_list_of_known_peers_is_told_to_both_sides(sides: Sides, tiny_codec: Codec, side: str) -> None:
    """Where it lies, its path and what to do; the sender of a receiver that has one is refused, not left waiting."""
    path = sides.folder / ("bob" if side == "receiver" else "alice") / "known_peers"
    path.write_text("nonsense\n")
    receiver = make_receiver(sides.folder / "out", tiny_codec, tls=sides.receiving(sides.sender))
    sender = make_sender(sides.speech, receiver.port, tiny_codec, tls=sides.sending(sides.receiver))
    stream(receiver, sender)
    if side == "sender":
        assert isinstance(sender.error, KnownPeersError)
        assert f"{str(path)!r} is broken: line 1" in str(sender.error)
        return
    assert isinstance(sender.error, StreamRefused)
    assert sender.error.code == "internal"
    assert str(path) not in str(sender.error)
    (told,) = [event for event in receiver.events_since(0) if event.severity is Severity.ERROR]
    assert f"{str(path)!r} is broken: line 1" in told.text
    assert "mend or delete it" in told.text


def test_a_changed_fingerprint_is_refused_with_a_warning(sides: Sides, tiny_codec: Codec) -> None:
    """Whoever comes to stand at a known address with another key is not spoken to."""
    first = make_receiver(sides.folder / "out", tiny_codec, once=True, tls=sides.receiving(sides.sender))
    port = first.port
    stream(first, make_sender(sides.speech, port, tiny_codec, tls=sides.sending(sides.receiver)))
    other = make_identity(sides.folder / "mallory", "bob").fingerprint
    mallory = TlsSettings(folder=sides.folder / "mallory", trusted=frozenset({sides.sender}))
    second = make_receiver(sides.folder / "out", tiny_codec, tls=mallory, port=port)
    questions = TrustQuestions(lambda question: question.answer(True))
    settings = SenderSettings(input=sides.speech, host="127.0.0.1", port=port, plan=PLAN, tls=sides.sending())
    sender = Sender(settings, codec=tiny_codec, questions=questions)
    stream(second, sender)
    assert isinstance(sender.error, PeerNotTrusted)
    assert "WARNING" in str(sender.error)
    assert sides.receiver in str(sender.error)
    assert other in str(sender.error)


@pytest.mark.parametrize("listed", [True, False])
def test_allow_lists_who_may_send(sides: Sides, tiny_codec: Codec, listed: bool) -> None:
    """With a list only those on it come in; others are told their own fingerprint, and do not try again."""
    allowed = frozenset({sides.sender if listed else sides.receiver})
    receiver = make_receiver(sides.folder / "out", tiny_codec, once=True, tls=sides.receiving(allowed=allowed))
    sender = make_sender(sides.speech, receiver.port, tiny_codec, tls=sides.sending(sides.receiver))
    stream(receiver, sender)
    if listed:
        assert sender.error is None
    else:
        assert isinstance(sender.error, PeerNotTrusted)
        assert sides.sender in str(sender.error)


@pytest.mark.parametrize("secure_side", ["sender", "receiver"])
def test_one_side_without_tls_is_told(sides: Sides, tiny_codec: Codec, secure_side: str) -> None:
    """Neither side falls back to speaking in the clear."""
    tls = sides.receiving(sides.sender) if secure_side == "receiver" else None
    receiver = make_receiver(sides.folder / "out", tiny_codec, tls=tls)
    tls = sides.sending(sides.receiver) if secure_side == "sender" else None
    sender = make_sender(sides.speech, receiver.port, tiny_codec, tls=tls, connect_timeout_s=0.5)
    stream(receiver, sender)
    assert isinstance(sender.error, HandshakeFailed if secure_side == "sender" else ConnectError)
    assert "--tls" in str([event.text for event in receiver.events_since(0)])
    assert exit_code(sender.error) is ExitCode.CANNOT_CONNECT


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked_on_first_contact(sides: Sides, tiny_codec: Codec, answer: bool) -> None:
    """Both sides ask; what was agreed to is known from then on."""
    asked: list[tuple[str, str]] = []

    def answering(question: TrustQuestion) -> None:
        if question.open:
            asked.append((question.peer, question.fingerprint))
            question.answer(answer)

    receiving = ReceiverSettings(
        host="127.0.0.1", port=0, save_path=sides.folder / "out", once=True, tls=sides.receiving()
    )
    receiver = Receiver(receiving, codec=tiny_codec, questions=TrustQuestions(answering))
    receiver.listen()
    sending = SenderSettings(input=sides.speech, host="127.0.0.1", port=receiver.port, plan=PLAN, tls=sides.sending())
    sender = Sender(sending, codec=tiny_codec, questions=TrustQuestions(answering))
    stream(receiver, sender)
    at_receiver = (f"receiver 127.0.0.1:{receiver.port}", sides.receiver)
    if answer:
        assert sender.error is None
        assert sorted(asked) == [at_receiver, ("sender alice", sides.sender)]
    else:
        assert isinstance(sender.error, PeerNotTrusted)
        assert at_receiver in asked


def test_stopping_takes_the_question_back(sides: Sides, tiny_codec: Codec) -> None:
    """A person who never answers does not keep an engine from ending."""
    asked = threading.Event()
    told: list[bool] = []

    def never_answering(question: TrustQuestion) -> None:
        told.append(question.open)
        asked.set()

    receiver = make_receiver(sides.folder / "out", tiny_codec, tls=sides.receiving(sides.sender))
    sending = SenderSettings(input=sides.speech, host="127.0.0.1", port=receiver.port, plan=PLAN, tls=sides.sending())
    sender = Sender(sending, codec=tiny_codec, questions=TrustQuestions(never_answering))
    with running(receiver, sender):
        assert asked.wait(DEADLINE_S)
        assert sender.stop(DEADLINE_S) == ()
    assert told == [True, False]


def test_nobody_resumes_the_stream_of_another(sides: Sides, tiny_codec: Codec) -> None:
    """A stream belongs to the key that began it, even for those who are trusted and know its name."""
    mallory = make_identity(sides.folder / "mallory", "mallory").fingerprint
    tls = sides.receiving(sides.sender, mallory)
    receiver = make_receiver(sides.folder / "out", tiny_codec, tls=tls)
    sender = make_sender(sides.speech, receiver.port, tiny_codec, tls=sides.sending(sides.receiver))
    with running(receiver):
        with running(sender):
            assert sender.wait(DEADLINE_S)
        settings = TlsSettings(folder=sides.folder / "mallory", trusted=frozenset({sides.receiver}))
        thief = make_sender(sides.speech, receiver.port, tiny_codec, tls=settings)
        thief._stream.stream_id = sender._stream.stream_id
        with running(thief):
            assert thief.wait(DEADLINE_S)
    assert "another sender" in str(thief.error)
    assert receiver.snapshots()[0].state is LinkState.DONE


def test_nothing_but_tls_reaches_the_wire(sides: Sides, tiny_codec: Codec) -> None:
    """Neither the file's name nor the model's is readable on the way."""
    with socket.create_server(("127.0.0.1", 0)) as eavesdropper:
        port = eavesdropper.getsockname()[1]
        sender = make_sender(sides.speech, port, tiny_codec, tls=sides.sending(), connect_timeout_s=0.1)
        with running(sender):
            near, _ = eavesdropper.accept()
            with near:
                data = near.recv(65536)
    assert data[:1] == b"\x16"
    assert b"in.wav" not in data


def test_the_rate_limit_and_the_wire_meter_count_what_the_wire_carries(sides: Sides, tiny_codec: Codec) -> None:
    """Handshake and records included, at both ends; and records cost the stream little."""
    receiver = make_receiver(sides.folder / "out", tiny_codec, once=True, tls=sides.receiving(sides.sender))
    with Throttle(receiver.port, None) as wire:
        began_s = time.monotonic()
        sender = make_sender(
            sides.speech, wire.port, tiny_codec, tls=sides.sending(sides.receiver), rate_limit_bps=20_000
        )
        stream(receiver, sender)
        duration_s = time.monotonic() - began_s
    (sent,), (received,) = sender.snapshots(), receiver.snapshots()
    assert sender.error is None
    goodbye_bytes = 24
    assert 0 <= wire.passed_bytes - sent.wire.total_bytes <= goodbye_bytes
    assert 0 <= sent.wire.total_bytes - received.wire.total_bytes <= 200
    assert wire.passed_bytes * 8 <= 20_000 * (duration_s + 0.1)
    handshake_and_hello_bytes = 2500
    assert wire.passed_bytes < 1.4 * sent.payload.total_bytes + handshake_and_hello_bytes


def test_openssl_sees_nothing_older_than_tls_1_3(sides: Sides, tiny_codec: Codec) -> None:
    """OpenSSL's own client gets TLS 1.3 and the certificate that the fingerprint is of, and no older TLS."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    receiver = make_receiver(sides.folder / "out", tiny_codec, tls=sides.receiving())
    with running(receiver):

        def look(*options: str) -> str:
            command = [openssl, "s_client", "-connect", f"127.0.0.1:{receiver.port}", *options]
            done = subprocess.run(command, input=b"", capture_output=True, timeout=DEADLINE_S, check=False)
            return (done.stdout + done.stderr).decode(errors="replace")

        assert "TLSv1.3" in look("-tls1_3")
        assert "Cipher is (NONE)" in look("-tls1_2")
        shown = look("-tls1_3", "-showcerts")
    pem = (
        shown[shown.index("-----BEGIN CERTIFICATE") : shown.index("-----END CERTIFICATE")] + "-----END CERTIFICATE-----"
    )
    assert fingerprint_of(load_pem_x509_certificate(pem.encode())) == sides.receiver
