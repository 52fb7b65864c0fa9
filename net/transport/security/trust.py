"""Which peers this side trusts: fingerprints that a person agreed to before, and lists of those that are let in.

As in ssh, the first contact is agreed to by a person (or by `--trust`), and whoever then comes with another key under
the same name is refused.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from codec.errors import UsageError
from net.errors import KnownPeersError, PeerNotTrusted
from net.text import is_printable, printable
from net.transport.security.identity import PRIVATE_MODE, parse_fingerprint

FILE_NAME: Final = "known_peers"
MAX_PEER_CHARS: Final = 300

Ask = Callable[[str, str], bool]
"""Asks a person whether the fingerprint (second) of a peer (first) is right; waits for the answer."""


class KnownPeers:
    """The file of peers and the fingerprints that were agreed to, one `fingerprint peer` a line; the last one counts.

    May be used from any thread, and by several processes at once. Raises `KnownPeersError` where the file is broken
    or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def fingerprint(self, peer: str) -> str | None:
        """The fingerprint that was agreed to for `peer` (a receiver's "host:port", or a sender's name), or None."""
        return dict(self._entries()).get(peer)

    def add(self, peer: str, fingerprint: str) -> None:
        """Know `peer` by this fingerprint from now on, whatever was known before."""
        line = f"{parse_fingerprint(fingerprint)} {printable(peer, MAX_PEER_CHARS)}\n"
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._path, "a", encoding="utf-8", opener=_open_private) as file:
                file.write(line)
        except OSError as error:
            raise self._error(f"cannot be written ({error.strerror})") from error

    def _entries(self) -> Iterator[tuple[str, str]]:
        """Yield peers and their fingerprints, in the file's order."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise self._error(f"cannot be read ({error})") from error
        for number, line in enumerate(lines, 1):
            fingerprint, _, peer = line.strip().partition(" ")
            if not fingerprint or fingerprint.startswith("#"):
                continue
            if not peer or not is_printable(peer):
                raise self._error(f"is broken: line {number} names no peer")
            try:
                yield peer, parse_fingerprint(fingerprint)
            except UsageError as error:
                raise self._error(f"is broken: line {number}: {error}") from error

    def _error(self, what: str) -> KnownPeersError:
        return KnownPeersError(f"the list of known peers {str(self._path)!r} {what}: mend or delete it")


def parse_allowed(values: Iterable[str]) -> frozenset[str]:
    """Return the fingerprints of `--allow`: each value is one, or a file with one a line and then anything.

    `#` begins a remark. Raises `UsageError` for a value that is neither, and names the line of a file that is wrong.
    """
    allowed: set[str] = set()
    for value in values:
        path = Path(value)
        allowed |= _allowed_in_file(path) if path.is_file() else {_allowed_value(value)}
    return frozenset(allowed)


def verify_peer(
    peer: str,
    fingerprint: str,
    known: KnownPeers,
    *,
    trusted: frozenset[str] = frozenset(),
    allowed: frozenset[str] | None = None,
    ask: Ask | None = None,
) -> None:
    """Return if the peer that has proved this fingerprint may be talked to; raises `PeerNotTrusted` with advice.

    With `allowed` (a receiver's `--allow`) only that list counts. Otherwise a known fingerprint passes, and one in
    `trusted` (`--trust`) or agreed to by `ask` passes and becomes known. A changed one passes by `trusted` alone.
    """
    if allowed is not None:
        if fingerprint not in allowed:
            raise PeerNotTrusted(f"{peer} has the fingerprint {fingerprint}, which is not in the list of --allow")
        return
    known_fingerprint = known.fingerprint(peer)
    if known_fingerprint == fingerprint:
        return
    first_contact = known_fingerprint is None
    if fingerprint in trusted or (first_contact and ask and ask(peer, fingerprint)):
        known.add(peer, fingerprint)
        return
    raise PeerNotTrusted(_advice(peer, fingerprint, known_fingerprint))


def _advice(peer: str, fingerprint: str, known: str | None) -> str:
    if known is None:
        return (
            f"{peer} is not known yet; its fingerprint is {fingerprint}. If that is what it shows on its own screen, "
            f"add --trust {fingerprint}"
        )
    return (
        f"WARNING: {peer} has CHANGED its fingerprint from {known} to {fingerprint}. Somebody may be listening in. "
        f"Only if you know that it has a new key, add --trust {fingerprint}"
    )


def _allowed_value(value: str) -> str:
    try:
        return parse_fingerprint(value)
    except UsageError as error:
        raise UsageError(f"--allow: there is no file of this name, and {error}") from error


def _allowed_in_file(path: Path) -> set[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"the --allow file {str(path)!r} is no text: write one fingerprint a line") from error
    except OSError as error:
        raise UsageError(f"the --allow file {str(path)!r} cannot be read: {error.strerror}") from error
    allowed = set()
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            allowed.add(parse_fingerprint(words[0]))
        except UsageError as error:
            raise UsageError(f"line {number} of the --allow file {str(path)!r}: {error}") from error
    return allowed


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_MODE)
