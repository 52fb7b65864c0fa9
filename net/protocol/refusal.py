"""Why a receiver does not take a stream, or takes no more of it."""

from dataclasses import dataclass

from net.protocol.messages import RefuseCode


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """The receiver does not take a stream, or no more of it; both parts go over the wire."""

    code: RefuseCode
    reason: str
