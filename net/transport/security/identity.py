"""Who this side is: a private key and its self-signed certificate, known to others by a fingerprint.

Both lie in one file that only its owner can read. A fingerprint is the first 128 bits of the SHA-256 of the
certificate, in eight groups of four hex digits; `openssl x509 -fingerprint -sha256` begins with the same digits.
"""

import contextlib
import hashlib
import os
import re
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from codec.atomic_file import write_atomically
from codec.errors import UsageError
from net.errors import IdentityError
from net.text import printable

FILE_NAME: Final = "identity.pem"
FINGERPRINT_DIGITS: Final = 32
GROUP_DIGITS: Final = 4
VALIDITY: Final = timedelta(days=100 * 365)
"""Not checked: what is trusted is the fingerprint."""
MAX_COMMON_NAME_BYTES: Final = 64
PRIVATE_MODE: Final = 0o600

_NOT_HEX = re.compile(r"[\s:-]")


@dataclass(frozen=True, slots=True)
class Identity:
    """A key pair on disk."""

    path: Path
    """A PEM file of the private key and the certificate."""
    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @property
    def fingerprint(self) -> str:
        """What others know this identity by."""
        return fingerprint_of(self.certificate)


def config_folder() -> Path:
    """The platform's folder for this user's configuration of esc-tui; it may not exist yet."""
    return platformdirs.user_config_path("esc-tui")


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Return the fingerprint of a certificate, as it is shown: `1a2b-3c4d-…`, eight groups."""
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    return _format_fingerprint(digest)


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint as `fingerprint_of` writes it; raises `UsageError` for anything else.

    Case, colons, dashes and spaces do not matter; of a whole SHA-256, 64 digits, the first 32 count.
    """
    digits = _NOT_HEX.sub("", text).lower()
    if len(digits) not in (FINGERPRINT_DIGITS, 64) or not all(digit in "0123456789abcdef" for digit in digits):
        raise UsageError(
            f"{printable(text, 80)!r} is no fingerprint: it must have {FINGERPRINT_DIGITS} hex digits, "
            "as `esc-tui keygen` prints them"
        )
    return _format_fingerprint(digits)


def make_identity(folder: Path, name: str, *, replace: bool = False) -> Identity:
    """Make a key pair in `folder`, readable by its owner alone.

    `name` (of this machine or person) stands in the certificate for people. Raises `UsageError` where there is an
    identity already, unless it may be replaced, and `IdentityError` where the file cannot be written.
    """
    path = folder / FILE_NAME
    private_key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(private_key, _common_name(name))
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, pem, replace=replace)
    except FileExistsError as error:
        raise UsageError(
            f"there is an identity in {str(path)!r} already: peers know it, so keep it, or replace it with --force"
        ) from error
    except OSError as error:
        raise IdentityError(f"the identity {str(path)!r} cannot be written: {error.strerror}") from error
    return Identity(path, certificate, private_key)


def load_identity(folder: Path) -> Identity:
    """Read the identity in `folder`.

    Raises `IdentityError` where there is none, it is broken, or others could read it.
    """
    path = folder / FILE_NAME
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except FileNotFoundError as error:
        raise IdentityError(f"there is no identity in {str(folder)!r}: make one with `esc-tui keygen`") from error
    except OSError as error:
        raise IdentityError(f"the identity {str(path)!r} cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise IdentityError(
            f"others can read the private key in {str(path)!r} (mode {stat.S_IMODE(mode):04o}): "
            f"`chmod 600` it, or make a new one with `esc-tui keygen --force`"
        )
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        private_key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise _broken(path) from error
    if not isinstance(private_key, ec.EllipticCurvePrivateKey) or private_key.public_key() != certificate.public_key():
        raise _broken(path)
    return Identity(path, certificate, private_key)


def load_or_make_identity(folder: Path, name: str) -> Identity:
    """Read the identity in `folder`, or make it; two processes that do this at once get the same one."""
    if not (folder / FILE_NAME).exists():
        with contextlib.suppress(UsageError):  # another process was faster
            return make_identity(folder, name)
    return load_identity(folder)


def _format_fingerprint(digest: str) -> str:
    starts = range(0, FINGERPRINT_DIGITS, GROUP_DIGITS)
    return "-".join(digest[start : start + GROUP_DIGITS] for start in starts)


def _broken(path: Path) -> IdentityError:
    return IdentityError(f"the identity {str(path)!r} is broken: make a new one with `esc-tui keygen --force`")


def _common_name(name: str) -> str:
    cut = printable(name, MAX_COMMON_NAME_BYTES).encode()[:MAX_COMMON_NAME_BYTES]
    return cut.decode(errors="ignore") or "esc-tui"


def _self_signed(private_key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALIDITY)
        .sign(private_key, hashes.SHA256())
    )


def _write_private(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a file for its owner alone, whole or not at all; raises `FileExistsError` unless it may replace one."""
    if replace:
        write_atomically(path, data, PRIVATE_MODE, sync=True)
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        write_atomically(fresh, data, PRIVATE_MODE, sync=True)
        os.link(fresh, path)  # unlike a rename, it fails where there is one: of two processes the first wins
    finally:
        fresh.unlink(missing_ok=True)
