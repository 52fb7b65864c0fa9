"""TLS 1.3 around a connection, both sides proving who they are by their own certificates.

No authority is asked: any certificate is taken in the handshake, which proves that the peer has its key, and then
`trust` judges its fingerprint. Python's `ssl` can neither take a client's certificate unjudged nor be read and
written by two threads at once, so this stands on pyOpenSSL and its memory buffers: the engine makes and takes bytes
under a lock, and the socket is never waited for with that lock held.
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
GOODBYE_TIMEOUT_S: Final = 0.02
"""A goodbye is small: where there is no room for it, the peer does not read."""
MAX_NAME_CHARS: Final = 64


def tls_context(identity: Identity) -> SSL.Context:
    """Return what all connections of one side share: TLS 1.3 only, this certificate, no resumption."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate(identity.certificate)
    context.use_privatekey(identity.private_key)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _take_any)
    return context


def connect_tls(wire: Transport, context: SSL.Context, timeout_s: float, clock: Clock = SYSTEM_CLOCK) -> "TlsSocket":
    """Begin TLS as the side that connected. Raises `HandshakeFailed` or `ConnectionLost`; closes nothing."""
    engine = SSL.Connection(context, None)
    engine.set_connect_state()
    return TlsSocket(wire, engine, timeout_s, clock)


def accept_tls(wire: Transport, context: SSL.Context, timeout_s: float, clock: Clock = SYSTEM_CLOCK) -> "TlsSocket":
    """Begin TLS as the side that listened. Raises `HandshakeFailed` or `ConnectionLost`; closes nothing."""
    engine = SSL.Connection(context, None)
    engine.set_accept_state()
    return TlsSocket(wire, engine, timeout_s, clock)


class TlsSocket:
    """A `Transport` under TLS, on another one, for one receiving and any sending threads.

    The handshake takes at most `timeout_s` in all, however slowly the peer's bytes trickle in.
    """

    def __init__(self, wire: Transport, engine: SSL.Connection, timeout_s: float, clock: Clock) -> None:
        self._wire = wire
        self._engine = engine
        self._clock = clock
        self._engine_lock = threading.Lock()
        self._writing = threading.Lock()
        self._shake_hands(clock.monotonic_s() + timeout_s)
        certificate = self._peer_certificate()
        self.peer_fingerprint = fingerprint_of(certificate)
        """The fingerprint that the peer has proved; whether it may be trusted is for `trust.judge_peer`."""
        self.peer_name = _name_of(certificate)
        """The name in the peer's certificate, for people; anybody can claim any."""

    def recv(self, size: int, timeout_s: float) -> bytes:
        """Receive like `Transport.recv`: a record that trickles in does not get more time."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while True:
            with self._engine_lock:
                try:
                    return self._engine.recv(size)
                except SSL.WantReadError:
                    pass
                except SSL.ZeroReturnError:
                    return b""
                except SSL.Error as error:
                    raise ConnectionError(f"TLS broke: {_reason(error)}") from error
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise TimeoutError("no whole record came in time")
            data = self._wire.recv(RECORD_BYTES, left_s)
            if not data:
                return b""
            with self._engine_lock:
                self._engine.bio_write(data)

    def sendall(self, data: bytes, timeout_s: float) -> None:
        """Send like `Transport.sendall`."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        for start in range(0, len(data), RECORD_BYTES):
            with self._writing:
                with self._engine_lock:
                    try:
                        self._engine.sendall(data[start : start + RECORD_BYTES])
                    except SSL.Error as error:
                        raise ConnectionError(f"TLS broke: {_reason(error)}") from error
                    record = self._made()
                self._wire.sendall(record, deadline_s - self._clock.monotonic_s())

    def finish_writing(self) -> None:
        """Say goodbye, if nobody is in the middle of a write, and shut down the writing half."""
        if self._writing.acquire(blocking=False):
            try:
                self._say_goodbye()
            finally:
                self._writing.release()
        self._wire.finish_writing()

    def close(self) -> None:
        """Say goodbye, and close the connection."""
        self.finish_writing()
        self._wire.close()

    def getpeername(self) -> tuple[str, int]:
        """The peer's host and port."""
        return self._wire.getpeername()

    def _say_goodbye(self) -> None:
        with self._engine_lock, contextlib.suppress(SSL.Error):  # broken already
            self._engine.shutdown()
        with contextlib.suppress(OSError):  # the peer was faster, or does not read
            self._wire.sendall(self._made(), GOODBYE_TIMEOUT_S)

    def _made(self) -> bytes:
        """Take what the engine wants to have written."""
        made = bytearray()
        with contextlib.suppress(SSL.WantReadError):
            while True:
                made += self._engine.bio_read(RECORD_BYTES)
        return bytes(made)

    def _shake_hands(self, deadline_s: float) -> None:
        while not self._handshake_step(deadline_s):
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise HandshakeLate("the peer did not finish the TLS handshake in time")
            try:
                data = self._wire.recv(RECORD_BYTES, left_s)
            except TimeoutError as error:
                raise HandshakeLate("the peer did not finish the TLS handshake in time") from error
            except OSError as error:
                raise ConnectionLost(f"the connection broke: {error.strerror or error}") from error
            if not data:
                raise ConnectionLost("the peer closed the connection during the TLS handshake")
            self._engine.bio_write(data)

    def _handshake_step(self, deadline_s: float) -> bool:
        """Go on as far as possible; tell whether the handshake is done."""
        done, fault = False, None
        try:
            self._engine.do_handshake()
            done = True
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            fault = HandshakeFailed(_advice(_reason(error)))
            fault.__cause__ = error
        try:
            self._wire.sendall(self._made(), deadline_s - self._clock.monotonic_s())
        except OSError as error:
            if fault is None:
                raise ConnectionLost(f"the connection broke: {error.strerror or error}") from error
        if fault is not None:
            raise fault
        return done

    def _peer_certificate(self) -> x509.Certificate:
        try:
            certificate = self._engine.get_peer_certificate(as_cryptography=True)
        except ValueError as error:
            raise HandshakeFailed("the peer's certificate cannot be read") from error
        if certificate is None:
            raise HandshakeFailed("the peer has no certificate")
        return certificate


def _take_any(_connection: SSL.Connection, _certificate: object, _error: int, _depth: int, _ok: int) -> bool:
    """Let every certificate pass the handshake: its fingerprint is judged afterwards."""
    return True


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own words for what went wrong."""
    entries = error.args[0] if error.args else []
    return printable("; ".join(str(entry[-1]) for entry in entries) or "the connection is unusable", 200)


def _advice(reason: str) -> str:
    if "wrong version number" in reason or "packet length too long" in reason or "http request" in reason:
        return f"the peer does not speak TLS ({reason}): start both sides with --tls"
    return f"the TLS handshake failed: {reason}"


def _name_of(certificate: x509.Certificate) -> str:
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return ""
    return printable(str(names[0].value), MAX_NAME_CHARS) if names else ""
