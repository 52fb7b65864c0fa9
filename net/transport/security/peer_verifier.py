"""TLS for the connections of one side, and the judgement of who is at their other end."""

import socket

from net.runtime.clock import Clock
from net.settings import TlsSettings
from net.text import printable
from net.transport.security.identity import Identity, load_or_make_identity
from net.transport.security.tls import TlsTransport, accept_tls, connect_tls, tls_context
from net.transport.security.trust import FILE_NAME, KnownPeers, judge_peer
from net.transport.security.trust_questions import TrustQuestions
from net.transport.socket_transport import Transport

SHOWN_DIGITS = 9
"""Two groups of a fingerprint: enough to tell peers apart in a list, not to trust one."""


class PeerVerifier:
    """Makes connections secure, and lets only trusted peers pass. Raises `IdentityError` for a key it cannot use.

    Without an identity in the configuration folder it makes one.
    """

    def __init__(self, settings: TlsSettings, questions: TrustQuestions, clock: Clock) -> None:
        self._settings, self._questions, self._clock = settings, questions, clock
        self.identity: Identity = load_or_make_identity(settings.folder, socket.gethostname())
        self._context = tls_context(self.identity)
        self._known = KnownPeers(settings.folder / FILE_NAME)

    def connect(self, wire: Transport, timeout_s: float) -> TlsTransport:
        """Begin TLS with a receiver. Raises `HandshakeFailed` or `ConnectionLost`."""
        return connect_tls(wire, self._context, timeout_s, self._clock)

    def accept(self, wire: Transport, timeout_s: float) -> TlsTransport:
        """Begin TLS with a sender. Raises `HandshakeFailed` or `ConnectionLost`."""
        return accept_tls(wire, self._context, timeout_s, self._clock)

    def judge_receiver(self, wire: TlsTransport, address: str) -> None:
        """Return if the receiver at `address`, as it was typed, may be talked to. Raises `PeerNotTrusted`."""
        self._judge(f"receiver {printable(address, 250)}", wire)

    def judge_sender(self, wire: TlsTransport) -> None:
        """Return if the sender may be heard. Raises `PeerNotTrusted`."""
        self._judge(f"sender {wire.peer_name or 'without a name'}", wire)

    def stop(self) -> None:
        """Ask nobody any more."""
        self._questions.stop()

    def _judge(self, peer: str, wire: TlsTransport) -> None:
        judge_peer(
            peer,
            wire.peer_fingerprint,
            self._known,
            trusted=self._settings.trusted,
            allowed=self._settings.allowed,
            ask=self._questions.ask,
        )


def known_as(wire: Transport, address: str) -> str:
    """How a peer is shown: its address, and over TLS its name and the start of its fingerprint."""
    if not isinstance(wire, TlsTransport):
        return address
    return f"{wire.peer_name} {wire.peer_fingerprint[:SHOWN_DIGITS]}… at {address}".lstrip()
