"""The states of a connection, and one table for each role: which frame may come or go in which state, and what follows.

`state_machine` fires these tables; "Every state × every frame" of `PROTOCOL.md` shows them.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from net.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from net.protocol.messages import FrameType


class State(enum.StrEnum):
    """Where a connection stands, seen from one of its sides."""

    OPENING = "opening"
    """Sender: HELLO said, no answer yet. Receiver: no HELLO yet."""
    DECIDING = "deciding"
    """Receiver: HELLO came, and waits to be accepted or refused."""
    STREAMING = "streaming"
    ENDED = "ended"
    """END was said; the receiver decodes and saves what is left."""
    FINISHED = "finished"
    """The receiver has said that all is saved."""
    REFUSED = "refused"
    FAILED = "failed"
    """The peer broke the protocol."""
    LOST = "lost"
    """The connection closed before its time."""

    @property
    def is_final(self) -> bool:
        """Whether the connection serves nothing any more."""
        return self in (State.FINISHED, State.REFUSED, State.FAILED, State.LOST)


class Signal(enum.StrEnum):
    """What happens to a connection that a frame's type alone does not tell."""

    FEEDBACK_FINISHED = "FEEDBACK with finished"
    EOF = "end of file"
    FAULT = "a broken protocol"


Event = FrameType | Signal
Row = Mapping[Event, State | None]
"""The state after each event; None: it has no effect. An event without an entry is a fault of who sent it."""


@dataclass(frozen=True, slots=True)
class Transitions:
    """The rows of all states, for the frames of one direction."""

    rows: Mapping[State, Row]
    error: type[ProtocolError]

    def after(self, state: State, event: Event) -> State | None:
        """Return the state that follows, None where `event` has no effect; raises `error` where it may not happen."""
        row = self.rows[state]
        if event not in row:
            raise self.error(f"{self._sent(event)} while {state}")
        return row[event]

    def _sent(self, event: Event) -> str:
        name = event.name if isinstance(event, FrameType) else event.value
        return f"the peer sent {name}" if self.error is RemoteProtocolError else f"{name} must not be sent"


@dataclass(frozen=True, slots=True)
class Role:
    """One side of a connection, and which error it raises for what the sender, or the receiver, does wrong."""

    received: Transitions
    sent: Transitions
    sender_error: type[ProtocolError]
    receiver_error: type[ProtocolError]


HELLO, ACCEPT, REFUSE, CHUNK, END, FEEDBACK, PING, PONG = FrameType
FEEDBACK_FINISHED, EOF, FAULT = Signal
OPENING, DECIDING, STREAMING, ENDED, FINISHED, REFUSED, FAILED, LOST = State

_OPEN: Final[Row] = {EOF: LOST, FAULT: FAILED}
_COMPLETE: Final[Row] = {EOF: None, FAULT: FAILED}
_IGNORING: Final[Row] = dict.fromkeys((*FrameType, *Signal))
"""What comes is thrown away unread."""
_OVER: Final[dict[State, Row]] = {REFUSED: _IGNORING, FAILED: _COMPLETE, LOST: _IGNORING}

_SENDER_DROPS: Final[Row] = {PING: None, PONG: None}
_RECEIVER_DROPS: Final[Row] = {FEEDBACK: None, FEEDBACK_FINISHED: None, PING: None, PONG: None}

SENDER: Final = Role(
    received=Transitions(
        {
            OPENING: {ACCEPT: STREAMING, REFUSE: REFUSED, **_OPEN},
            STREAMING: {FEEDBACK: STREAMING, PING: STREAMING, PONG: STREAMING, REFUSE: REFUSED, **_OPEN},
            ENDED: {FEEDBACK: ENDED, FEEDBACK_FINISHED: FINISHED, PING: ENDED, PONG: ENDED, REFUSE: REFUSED, **_OPEN},
            FINISHED: {PING: FINISHED, PONG: FINISHED, **_COMPLETE},
            **_OVER,
        },
        RemoteProtocolError,
    ),
    sent=Transitions(
        {
            OPENING: {},
            STREAMING: {CHUNK: STREAMING, END: ENDED, PING: STREAMING, PONG: STREAMING},
            ENDED: {PING: ENDED, PONG: ENDED},
            FINISHED: {PING: None, PONG: FINISHED},
            REFUSED: _SENDER_DROPS,
            FAILED: _SENDER_DROPS,
            LOST: _SENDER_DROPS,
        },
        LocalProtocolError,
    ),
    sender_error=LocalProtocolError,
    receiver_error=RemoteProtocolError,
)

RECEIVER: Final = Role(
    received=Transitions(
        {
            OPENING: {HELLO: DECIDING, **_OPEN},
            DECIDING: _OPEN,
            STREAMING: {CHUNK: STREAMING, END: ENDED, PING: STREAMING, PONG: STREAMING, **_OPEN},
            ENDED: {PING: ENDED, PONG: ENDED, **_COMPLETE},
            FINISHED: {PING: FINISHED, PONG: FINISHED, **_COMPLETE},
            **_OVER,
        },
        RemoteProtocolError,
    ),
    sent=Transitions(
        {
            OPENING: {REFUSE: REFUSED},
            DECIDING: {ACCEPT: STREAMING, REFUSE: REFUSED},
            STREAMING: {FEEDBACK: STREAMING, PING: STREAMING, PONG: STREAMING, REFUSE: REFUSED},
            ENDED: {FEEDBACK: ENDED, FEEDBACK_FINISHED: FINISHED, PING: ENDED, PONG: ENDED, REFUSE: REFUSED},
            FINISHED: {FEEDBACK: None, FEEDBACK_FINISHED: None, PING: FINISHED, PONG: FINISHED},
            REFUSED: _RECEIVER_DROPS,
            FAILED: {REFUSE: REFUSED, **_RECEIVER_DROPS},
            LOST: _RECEIVER_DROPS,
        },
        LocalProtocolError,
    ),
    sender_error=RemoteProtocolError,
    receiver_error=LocalProtocolError,
)
