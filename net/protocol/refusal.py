"""The error that becomes a REFUSE."""

from net.protocol.messages import RefuseCode


class Refusal(Exception):
    """The receiver does not take a stream, or no more of it; both parts go over the wire."""

    def __init__(self, code: RefuseCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
