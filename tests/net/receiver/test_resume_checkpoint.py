"""The checkpoint of a stream: who may resume its file after the receiver was restarted."""

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from codec.chunks.plan import ChunkPlan
from codec.chunks.streaming import Contribution
from codec.codec import Codec
from net.errors import PeerNotTrusted
from net.protocol.messages import End, Refusal
from net.receiver.quota import BLOCK_BYTES
from net.receiver.resume_checkpoint import ResumeCheckpoint
from net.receiver.stream_files import StreamFiles
from net.settings import TlsSettings
from net.transport.security.identity import make_identity
from tests.clock import FakeClock
from tests.conftest import WaitUntil
from tests.net.cutter import Cutter
from tests.net.links import DEADLINE_S, locally_coded, make_receiver, make_sender, read_pcm16, running, write_speech
from tests.net.protocol.exchange import HELLO
from tests.net.receiver.contexts import make_context

ALICE, MALLORY = "1111-alice", "2222-mallory"
RESUMING = replace(HELLO, resume=True)
SOUND = np.full(ChunkPlan().hop_samples, 0.1, np.float32)


def open_files(codec: Codec, folder: Path, sender: str | None, *, resume: bool = True) -> StreamFiles:
    return StreamFiles(make_context(folder, codec, FakeClock()), RESUMING if resume else HELLO, sender, codec)


@pytest.fixture
def begun(tmp_path: Path, tiny_codec: Codec) -> Path:
    """A folder with one chunk of a stream of Alice's, which a receiver left when it was killed."""
    files = open_files(tiny_codec, tmp_path, ALICE, resume=False)
    files.write(Contribution(0, SOUND))
    files.close(None)
    return tmp_path


def age(folder: Path) -> None:
    """Make the checkpoint one of a version that wrote no sender."""
    path = ResumeCheckpoint(folder, HELLO.stream_id).path
    fields = json.loads(path.read_text())
    del fields["sender"]
    path.write_text(json.dumps(fields))


def test_who_began_a_stream_goes_on_with_it(begun: Path, tiny_codec: Codec) -> None:
    """The files stand where the checkpoint says."""
    files = open_files(tiny_codec, begun, ALICE)
    assert (files.start.chunks, files.start.samples) == (1, len(SOUND))
    assert files.kept_bytes == -(-(2 * len(SOUND) + 44) // BLOCK_BYTES) * BLOCK_BYTES
    files.close(End(1, len(SOUND), True))
    assert len(list(begun.glob("*.wav"))) == 1


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("claimant", [MALLORY, None])
def test_nobody_else_goes_on_with_it(begun: Path, tiny_codec: Codec, claimant: str | None, resume: bool) -> None:
    """Another key, or no TLS at all, is refused, and neither file nor checkpoint is touched."""
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    with pytest.raises(Refusal, match="another sender") as refused:
        open_files(tiny_codec, begun, claimant, resume=resume)
    assert refused.value.code == "policy"
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before


def test_a_key_does_not_claim_what_was_begun_without_tls(tmp_path: Path, tiny_codec: Codec) -> None:
    """Who spoke in the clear may have been anybody: also the one who now has a key."""
    files = open_files(tiny_codec, tmp_path, None, resume=False)
    files.write(Contribution(0, SOUND))
    with pytest.raises(Refusal, match="without --tls"):
        open_files(tiny_codec, tmp_path, ALICE)
    again = open_files(tiny_codec, tmp_path, None)
    assert again.start.chunks == 1
    for opened in (files, again):
        opened.close(None)


def test_an_old_checkpoint_without_a_sender(begun: Path, tiny_codec: Codec) -> None:
    """In the clear it is read as before; a key gets a new file, since nobody knows whose the old one is."""
    age(begun)
    continued, files = open_files(tiny_codec, begun, None), open_files(tiny_codec, begun, ALICE)
    assert (continued.start.chunks, files.start.chunks) == (1, 0)
    assert len(list(begun.glob("*.wav"))) == 2
    for opened in (continued, files):
        opened.close(None)


@pytest.mark.parametrize("wav", ["../in.wav", "/in.wav", ""])
def test_a_checkpoint_leads_nowhere_else(begun: Path, wav: str) -> None:
    """A checkpoint that names a file elsewhere is none."""
    path = ResumeCheckpoint(begun, HELLO.stream_id).path
    fields = json.loads(path.read_text())
    (begun.parent / "in.wav").write_bytes(bytes(100_000))
    path.write_text(json.dumps(fields | {"wav": wav}))
    assert ResumeCheckpoint(begun, HELLO.stream_id).read() is None


def test_nobody_resumes_the_stream_of_another_after_a_restart(
    tmp_path: Path, tiny_codec: Codec, wait_until: WaitUntil
) -> None:
    """A trusted thief who knows the stream's name is told "policy"; the owner goes on, bit for bit."""
    keys = {name: make_identity(tmp_path / name, name).fingerprint for name in ("alice", "bob", "mallory")}

    def tls(name: str) -> TlsSettings:
        return TlsSettings(folder=tmp_path / name, trusted=frozenset(keys.values()))

    speech, out = write_speech(tmp_path / "in.wav", 32000), tmp_path / "out"
    first = make_receiver(out, tiny_codec, tls=tls("bob"))
    with Cutter(first.port) as network:
        sender = make_sender(speech, network.port, tiny_codec, realtime=True, tls=tls("alice"))
        with running(sender):
            with running(first):
                wait_until(lambda: first.snapshots() and first.snapshots()[0].chunks.saved >= 3)
                network.target_port = None
                network.cut()
            second = make_receiver(out, tiny_codec, tls=tls("bob"))
            with running(second):
                thief = make_sender(speech, second.port, tiny_codec, tls=tls("mallory"), resume=False)
                thief._stream.stream_id = sender._stream.stream_id
                with running(thief):
                    assert thief.wait(DEADLINE_S)
                network.target_port = second.port
                assert sender.wait(DEADLINE_S)
                wait_until(lambda: not list(out.glob(".*.json")))
    assert isinstance(thief.error, PeerNotTrusted)
    assert "another sender" in str(thief.error)
    assert sender.error is None
    (wav,) = out.glob("*.wav")
    assert np.array_equal(read_pcm16(wav), locally_coded(speech, tiny_codec))
