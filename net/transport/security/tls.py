"""TLS 1.3 over a transport, both sides proving who they are by their own certificates.

No authority is asked: any certificate is taken in the handshake, which proves that the peer has its key, and then
`trust` checks its fingerprint. Python's `ssl` can neither take a client's certificate unjudged nor be read and
written by two threads at once, so this stands on pyOpenSSL and its memory buffers: OpenSSL makes and takes bytes
under a lock, and the transport below is never waited for with that lock held.
"""

import contextlib
import threading
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from net.errors import ConnectionLost, HandshakeFailed, HandshakeLate
from net.runtime.clock import SYSTEM_CLOCK, Clock
from net.text import printable
from net.transport.security.identity import Identity, fingerprint_of
from net.transport.socket_transport import Transport

RECORD_BYTES: Final = 16384
CLOSE_NOTIFY_TIMEOUT_S: Final = 0.02
"""A close_notify is small: where there is no room for it, the peer does not read."""
MAX_NAME_CHARS: Final = 64


def tls_context(identity: Identity) -> SSL.Context:
    """Return what all connections of one side share: TLS 1.3 only, this certificate, no resumption."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate(identity.certificate)
    context.use_privatekey(identity.private_key)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _accept_any_certificate)
    return context


class TlsTransport:
    """A `Transport` under TLS, on another one, for one receiving and any sending threads.

    It begins with the handshake, as the side that listened (`server`) or connected, which takes at most `timeout_s` in
    all, however slowly the peer's bytes trickle in. Raises `HandshakeFailed` or `ConnectionLost`, and closes nothing.
    """

    def __init__(
        self,
        transport: Transport,
        context: SSL.Context,
        timeout_s: float,
        clock: Clock = SYSTEM_CLOCK,
        *,
        server: bool,
    ) -> None:
        self._transport, self._clock = transport, clock
        self._tls = SSL.Connection(context, None)
        if server:
            self._tls.set_accept_state()
        else:
            self._tls.set_connect_state()
        self._tls_lock = threading.Lock()
        self._write_lock = threading.Lock()
        """Held from encrypting to sending: records go out in the order of their numbers."""
        self._shake_hands(clock.monotonic_s() + timeout_s)
        certificate = self._peer_certificate()
        self.peer_fingerprint = fingerprint_of(certificate)
        """The fingerprint that the peer has proved; whether it may be trusted is for `trust.verify_peer`."""
        self.peer_name = _common_name(certificate)
        """The name in the peer's certificate, for people; anybody can claim any."""

    def recv(self, size: int, timeout_s: float) -> bytes:
        """Receive like `Transport.recv`: a record that trickles in does not get more time."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while (plaintext := self._decrypted(size)) is None:
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise TimeoutError("no whole record came in time")
            data = self._transport.recv(RECORD_BYTES, left_s)
            if not data:
                return b""
            with self._tls_lock:
                self._tls.bio_write(data)
        return plaintext

    def sendall(self, data: bytes, timeout_s: float) -> None:
        """Send like `Transport.sendall`, in as few records as hold `data`."""
        with self._write_lock:
            with self._tls_lock:
                try:
                    self._tls.sendall(data)
                except SSL.Error as error:
                    raise ConnectionError(f"TLS broke: {_reason(error)}") from error
                records = self._pending_output()
            self._transport.sendall(records, timeout_s)

    def send_eof(self) -> None:
        """Send close_notify, if no thread is in the middle of a write, and shut down the writing half."""
        if self._write_lock.acquire(blocking=False):
            try:
                self._send_close_notify()
            finally:
                self._write_lock.release()
        self._transport.send_eof()

    def close(self) -> None:
        """Send close_notify, and close the connection."""
        self.send_eof()
        self._transport.close()

    def getpeername(self) -> tuple[str, int]:
        """The peer's host and port."""
        return self._transport.getpeername()

    def _decrypted(self, size: int) -> bytes | None:
        """Return what has been received whole, empty at the peer's close_notify, None where a record is incomplete."""
        with self._tls_lock:
            try:
                return self._tls.recv(size)
            except SSL.WantReadError:
                return None
            except SSL.ZeroReturnError:
                return b""
            except SSL.Error as error:
                raise ConnectionError(f"TLS broke: {_reason(error)}") from error

    def _send_close_notify(self) -> None:
        with self._tls_lock, contextlib.suppress(SSL.Error):  # broken already
            self._tls.shutdown()
        with contextlib.suppress(OSError):  # the peer was faster, or does not read
            self._transport.sendall(self._pending_output(), CLOSE_NOTIFY_TIMEOUT_S)

    def _pending_output(self) -> bytes:
        """Return the bytes that OpenSSL wants to have written, each once."""
        output = bytearray()
        with contextlib.suppress(SSL.WantReadError):
            while True:
                output += self._tls.bio_read(RECORD_BYTES)
        return bytes(output)

    def _shake_hands(self, deadline_s: float) -> None:
        while not self._handshake_step(deadline_s):
            left_s = deadline_s - self._clock.monotonic_s()
            try:
                if left_s <= 0:
                    raise TimeoutError
                data = self._transport.recv(RECORD_BYTES, left_s)
            except TimeoutError as error:
                raise HandshakeLate("the peer did not finish the TLS handshake in time") from error
            except OSError as error:
                raise ConnectionLost(f"the connection broke: {error.strerror or error}") from error
            if not data:
                raise ConnectionLost("the peer closed the connection during the TLS handshake")
            self._tls.bio_write(data)

    def _handshake_step(self, deadline_s: float) -> bool:
        """Go on as far as what has come allows, and send the answer or alert; return whether the handshake is done."""
        done, failure = False, None
        try:
            self._tls.do_handshake()
            done = True
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            failure = HandshakeFailed(_advice(_reason(error)))
            failure.__cause__ = error
        try:
            self._transport.sendall(self._pending_output(), deadline_s - self._clock.monotonic_s())
        except OSError as error:
            if failure is None:
                raise ConnectionLost(f"the connection broke: {error.strerror or error}") from error
        if failure is not None:
            raise failure
        return done

    def _peer_certificate(self) -> x509.Certificate:
        try:
            certificate = self._tls.get_peer_certificate(as_cryptography=True)
        except ValueError as error:
            raise HandshakeFailed("the peer's certificate cannot be read") from error
        if certificate is None:
            raise HandshakeFailed("the peer has no certificate")
        return certificate


def _accept_any_certificate(
    _connection: SSL.Connection, _certificate: object, _error: int, _depth: int, _ok: int
) -> bool:
    """Let every certificate pass the handshake: its fingerprint is checked afterwards."""
    return True


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own words for what went wrong."""
    entries = error.args[0] if error.args else []
    return printable("; ".join(str(entry[-1]) for entry in entries) or "the connection is unusable", 200)


def _advice(reason: str) -> str:
    if "wrong version number" in reason or "packet length too long" in reason or "http request" in reason:
        return f"the peer does not speak TLS ({reason}): start both sides with --tls"
    return f"the TLS handshake failed: {reason}"


def _common_name(certificate: x509.Certificate) -> str:
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return ""
    return printable(str(names[0].value), MAX_NAME_CHARS) if names else ""
