import stat
from pathlib import Path

import pytest

from codec.errors import UsageError
from net.errors import KnownPeersError, PeerNotTrusted
from net.transport.security.trust import KnownPeers, parse_allowed, verify_peer

ALICE = "0123-4567-89ab-cdef-0123-4567-89ab-cdef"
MALLORY = "ffff-4567-89ab-cdef-0123-4567-89ab-cdef"


@pytest.fixture
def known(tmp_path: Path) -> KnownPeers:
    return KnownPeers(tmp_path / "folder" / "known_peers")


def test_a_peer_is_known_by_what_was_agreed_to(known: KnownPeers) -> None:
    """As in ssh: nothing before the first contact, and another port is another peer."""
    assert known.fingerprint("host:8888") is None
    known.add("host:8888", ALICE)
    assert known.fingerprint("host:8888") == ALICE
    assert known.fingerprint("host:8889") is None


def test_the_last_agreement_counts(known: KnownPeers) -> None:
    """A changed fingerprint that was agreed to replaces the old one."""
    known.add("host:8888", ALICE)
    known.add("host:8888", MALLORY)
    assert known.fingerprint("host:8888") == MALLORY


def test_the_file_is_for_its_owner_and_for_people(tmp_path: Path, known: KnownPeers) -> None:
    """Mode 0600; remarks and empty lines are allowed, names may have spaces."""
    known.add("Alice's laptop", ALICE)
    path = tmp_path / "folder" / "known_peers"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text(f"# mine\n\n{path.read_text()}")
    assert known.fingerprint("Alice's laptop") == ALICE


def test_no_name_adds_a_line(known: KnownPeers) -> None:
    """A line break in a name does not become one in the file."""
    known.add(f"host\n{MALLORY} other", ALICE)
    assert known.fingerprint("other") is None


@pytest.mark.parametrize("line", ["nonsense", ALICE, f"{ALICE} ", "0123 host", f"{ALICE} a\x1b[2J"])
def test_a_broken_file_names_its_line(tmp_path: Path, line: str) -> None:
    """Nothing is guessed in a file that decides about trust."""
    path = tmp_path / "known_peers"
    path.write_text(f"{ALICE} good\n{line}\n")
    with pytest.raises(KnownPeersError, match="line 2") as caught:
        KnownPeers(path).fingerprint("good")
    assert str(path) in str(caught.value)
    assert "mend or delete it" in str(caught.value)


def test_a_file_that_cannot_be_read_or_written_says_what_to_do(tmp_path: Path) -> None:
    """No text, or no file at all."""
    path = tmp_path / "known_peers"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(KnownPeersError, match="mend or delete it"):
        verify_peer("host:8888", ALICE, KnownPeers(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(KnownPeersError, match="cannot be written"):
        KnownPeers(path).add("host:8888", ALICE)


def test_a_known_peer_passes(known: KnownPeers) -> None:
    """No question is asked."""
    known.add("host:8888", ALICE)
    verify_peer("host:8888", ALICE, known, ask=lambda *_: pytest.fail("asked"))


def test_an_unknown_peer_needs_trust(known: KnownPeers) -> None:
    """Headless, the message says what to type; with --trust it passes and is remembered."""
    with pytest.raises(PeerNotTrusted, match=f"--trust {ALICE}"):
        verify_peer("host:8888", ALICE, known)
    verify_peer("host:8888", ALICE, known, trusted=frozenset({ALICE}))
    verify_peer("host:8888", ALICE, known)


@pytest.mark.parametrize("answer", [True, False])
def test_an_unknown_peer_may_be_agreed_to(known: KnownPeers, answer: bool) -> None:
    """A person decides, once."""
    asked = []

    def ask(peer: str, fingerprint: str) -> bool:
        asked.append((peer, fingerprint))
        return answer

    if answer:
        verify_peer("host:8888", ALICE, known, ask=ask)
        verify_peer("host:8888", ALICE, known, ask=ask)
    else:
        with pytest.raises(PeerNotTrusted):
            verify_peer("host:8888", ALICE, known, ask=ask)
        assert known.fingerprint("host:8888") is None
    assert asked == [("host:8888", ALICE)]


def test_a_changed_peer_is_refused_with_a_warning(known: KnownPeers) -> None:
    """No answer of a person lets it pass, only --trust with its fingerprint."""
    known.add("host:8888", ALICE)
    with pytest.raises(PeerNotTrusted, match="CHANGED"):
        verify_peer("host:8888", MALLORY, known, ask=lambda *_: True, trusted=frozenset({ALICE}))
    assert known.fingerprint("host:8888") == ALICE
    verify_peer("host:8888", MALLORY, known, trusted=frozenset({MALLORY}))
    assert known.fingerprint("host:8888") == MALLORY


def test_with_a_list_only_the_list_counts(known: KnownPeers) -> None:
    """Neither acquaintance nor --trust lets anybody else in; who is listed needs neither."""
    known.add("mallory", MALLORY)
    with pytest.raises(PeerNotTrusted, match="--allow"):
        verify_peer("mallory", MALLORY, known, trusted=frozenset({MALLORY}), allowed=frozenset({ALICE}))
    verify_peer("alice", ALICE, known, allowed=frozenset({ALICE}))
    with pytest.raises(PeerNotTrusted):
        verify_peer("alice", ALICE, known, allowed=frozenset())


def test_lists_are_read_from_words_and_files(tmp_path: Path) -> None:
    """Fingerprints in any spelling, and files with one a line, names and remarks."""
    path = tmp_path / "senders"
    path.write_text(f"# our senders\n\n{MALLORY.upper()}  mallory, from the basement # really\n")
    assert parse_allowed([ALICE.replace("-", ":"), str(path)]) == {ALICE, MALLORY}
    assert parse_allowed([]) == frozenset()


@pytest.mark.parametrize("content", [b"nonsense\n", b"\xff\xfe\n"])
def test_a_wrong_list_is_refused(tmp_path: Path, content: bytes) -> None:
    """A line that is no fingerprint, or bytes that are no text."""
    path = tmp_path / "senders"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="--allow file"):
        parse_allowed([str(path)])
    with pytest.raises(UsageError, match="no fingerprint"):
        parse_allowed([str(tmp_path / "missing")])
