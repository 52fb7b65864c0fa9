import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from codec.errors import UsageError
from net.errors import IdentityError
from net.transport.security.identity import (
    FILE_NAME,
    load_identity,
    load_or_make_identity,
    make_identity,
    parse_fingerprint,
)


def test_an_identity_comes_back_from_disk(tmp_path: Path) -> None:
    """The same key, certificate and fingerprint, in a folder that had to be made."""
    made = make_identity(tmp_path / "new" / "folder", "alice")
    loaded = load_identity(tmp_path / "new" / "folder")
    assert loaded.fingerprint == made.fingerprint
    assert loaded.private_key.private_numbers() == made.private_key.private_numbers()


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    """Mode 0600 from its first moment on, in a folder of mode 0700, and nothing left beside it."""
    previous = os.umask(0)
    try:
        identity = make_identity(tmp_path / "folder", "alice")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(identity.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(identity.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in identity.path.parent.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """As ssh does, with what to do."""
    make_identity(tmp_path, "alice").path.chmod(mode)
    with pytest.raises(IdentityError, match="chmod 600"):
        load_identity(tmp_path)


def test_an_identity_is_not_replaced_by_mistake(tmp_path: Path) -> None:
    """Peers know it: only --force makes a new one."""
    first = make_identity(tmp_path, "alice")
    with pytest.raises(UsageError, match="--force"):
        make_identity(tmp_path, "alice")
    assert load_identity(tmp_path).fingerprint == first.fingerprint
    second = make_identity(tmp_path, "alice", replace=True)
    assert load_identity(tmp_path).fingerprint == second.fingerprint != first.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_an_identity_is_made_once(tmp_path: Path) -> None:
    """The second to ask gets the first one's."""
    assert load_or_make_identity(tmp_path, "a").fingerprint == load_or_make_identity(tmp_path, "b").fingerprint


def test_a_missing_identity_says_what_to_do(tmp_path: Path) -> None:
    """The message names the command."""
    with pytest.raises(IdentityError, match="esc-tui keygen"):
        load_identity(tmp_path)


def test_broken_identities_are_refused(tmp_path: Path) -> None:
    """Cut off, garbage, or key and certificate of two identities."""
    identity = make_identity(tmp_path, "alice")
    whole = identity.path.read_bytes()
    other = make_identity(tmp_path / "other", "bob").path.read_bytes()
    certificate_at = whole.index(b"-----BEGIN CERTIFICATE")
    mixed = whole[:certificate_at] + other[other.index(b"-----BEGIN CERTIFICATE") :]
    for content in (b"", b"garbage", whole[: len(whole) // 2], whole[:certificate_at], whole[certificate_at:], mixed):
        identity.path.write_bytes(content)
        with pytest.raises(IdentityError, match="broken"):
            load_identity(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((IdentityError, UsageError)):
        make_identity(tmp_path / "file", "alice")


def test_a_fingerprint_is_the_begin_of_the_sha_256(tmp_path: Path) -> None:
    """So other programs show the same digits."""
    identity = make_identity(tmp_path, "alice")
    digest = identity.certificate.fingerprint(hashes.SHA256()).hex()
    assert identity.fingerprint.replace("-", "") == digest[:32]
    assert [len(group) for group in identity.fingerprint.split("-")] == [4] * 8
    assert parse_fingerprint(digest) == identity.fingerprint


def test_a_fingerprint_may_be_written_in_many_ways() -> None:
    """Case, colons, dashes and spaces do not matter."""
    shown = "0123-4567-89ab-cdef-0123-4567-89ab-cdef"
    for text in (shown, shown.upper(), shown.replace("-", ""), shown.replace("-", ":"), f" {shown} "):
        assert parse_fingerprint(text) == shown


@pytest.mark.parametrize("text", ["", "0123", "g" * 32, "0" * 31, "0" * 33, "0" * 63, "٠" * 32, "\x1b[31m" * 8])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    """With advice, and nothing unprintable in it."""
    with pytest.raises(UsageError, match="keygen") as caught:
        parse_fingerprint(text)
    assert str(caught.value).isprintable()


def test_a_name_with_anything_in_it_is_taken(tmp_path: Path) -> None:
    """Control characters and overlong names do not keep anybody from having a key."""
    for number, name in enumerate(["", "\x1b[31m", "x" * 500, "🐈" * 64]):
        load_or_make_identity(tmp_path / str(number), name)
        load_identity(tmp_path / str(number))
