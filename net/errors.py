"""The link's branch of the error tree.

codec.errors.EscError
└── LinkError
    ├── ConnectError            no connection, or no port to listen on
    ├── ConnectionLost          an established connection ended without END
    ├── StreamRefused           the receiver said REFUSE, with its reason
    ├── ProtocolError
    │   ├── LocalProtocolError  our side asked the protocol for what its state forbids
    │   └── RemoteProtocolError the peer sent what its state or a limit forbids
    │       └── limits.LimitExceeded
    ├── HandshakeFailed         TLS could not be begun with the peer
    │   └── HandshakeLate       it was not done in time
    ├── IdentityError           the own key cannot be used
    │   └── KnownPeersError     the list of known peers cannot be used
    ├── PeerNotTrusted          the peer's fingerprint is unknown, changed or not allowed
    ├── StageFailed             a pipeline's stage raised; the cause is attached
    └── AudioDeviceError        an audio device is absent, busy or gone
"""

from codec.errors import EscError


class LinkError(EscError):
    """Something between two ends of a stream went wrong."""


class ConnectError(LinkError):
    """A connection could not be made, or a port could not be bound."""


class ConnectionLost(LinkError):
    """An established connection ended before the stream did."""


class StreamRefused(LinkError):
    """The receiver refused the stream, or ended one that had `begun`; `reason` is for people, `code` is the wire's."""

    def __init__(self, reason: str, code: str, *, begun: bool = False) -> None:
        super().__init__(f"the receiver {f'ended the stream ({code})' if begun else 'refused the stream'}: {reason}")
        self.reason, self.code = reason, code


class ProtocolError(LinkError):
    """The protocol was broken by one of its sides."""


class LocalProtocolError(ProtocolError):
    """This side asked for something that the protocol's state forbids: a bug here."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol's state or limits forbid."""


class HandshakeFailed(LinkError):
    """TLS could not be begun with the peer."""


class HandshakeLate(HandshakeFailed):
    """The peer did not finish the TLS handshake in time."""


class IdentityError(LinkError):
    """This side's key is missing, broken or open to others."""


class KnownPeersError(IdentityError):
    """This side's list of known peers is broken, or cannot be read or written: no peer can be checked."""


class PeerNotTrusted(LinkError):
    """The peer proved a fingerprint that is unknown, has changed, or is not allowed in."""


class StageFailed(LinkError):
    """A stage of a pipeline raised an error, or its thread could not be started; `__cause__` is the error."""


class AudioDeviceError(LinkError):
    """An audio device is absent, busy or gone, or PortAudio is not installed."""
