"""TLS for the connections of one side, and whether the peer at the other end may be talked to."""

import socket

from net.runtime.clock import Clock
from net.settings import TlsSettings
from net.text import printable
from net.transport.security.identity import Identity, load_or_make_identity
from net.transport.security.tls import TlsTransport, tls_context
from net.transport.security.trust import FILE_NAME, KnownPeers, verify_peer
from net.transport.security.trust_questions import TrustQuestions
from net.transport.socket_transport import Transport

SHOWN_DIGITS = 9
"""Two groups of a fingerprint: enough to tell peers apart in a list, not to trust one."""


class PeerVerifier:
    """Encrypts connections and checks the peers' fingerprints, with the identity in the settings' folder.

    Where there is no identity, it makes one. Raises `IdentityError` for one that it cannot use.
    """

    def __init__(self, settings: TlsSettings, questions: TrustQuestions, clock: Clock) -> None:
        self._settings, self._questions, self._clock = settings, questions, clock
        self.identity: Identity = load_or_make_identity(settings.folder, socket.gethostname())
        self._context = tls_context(self.identity)
        self._known = KnownPeers(settings.folder / FILE_NAME)

    def connect(self, transport: Transport, timeout_s: float) -> TlsTransport:
        """Begin TLS with a receiver. Raises `HandshakeFailed` or `ConnectionLost`."""
        return TlsTransport(transport, self._context, timeout_s, self._clock, server=False)

    def accept(self, transport: Transport, timeout_s: float) -> TlsTransport:
        """Begin TLS with a sender. Raises `HandshakeFailed` or `ConnectionLost`."""
        return TlsTransport(transport, self._context, timeout_s, self._clock, server=True)

    def verify_receiver(self, transport: TlsTransport, address: str) -> None:
        """Check the receiver at `address`, as it was typed. Raises `PeerNotTrusted` or `KnownPeersError`."""
        self._verify(f"receiver {printable(address, 250)}", transport)

    def verify_sender(self, transport: TlsTransport) -> None:
        """Check a sender. Raises `PeerNotTrusted` or `KnownPeersError`."""
        self._verify(f"sender {transport.peer_name or 'without a name'}", transport)

    def _verify(self, peer: str, transport: TlsTransport) -> None:
        verify_peer(
            peer,
            transport.peer_fingerprint,
            self._known,
            trusted=self._settings.trusted,
            allowed=self._settings.allowed,
            ask=self._questions.ask,
        )


def peer_label(transport: Transport, address: str) -> str:
    """How a peer is shown: its address, and over TLS its name and the start of its fingerprint."""
    if not isinstance(transport, TlsTransport):
        return address
    return f"{transport.peer_name} {transport.peer_fingerprint[:SHOWN_DIGITS]}… at {address}".lstrip()
