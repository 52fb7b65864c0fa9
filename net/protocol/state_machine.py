"""A connection's state machine without I/O, as `PROTOCOL.md` describes it: bytes in, events out; calls in, bytes out.

Feed what a socket gives to `receive_data` (and `receive_eof`), take what has come from `events`, queue messages with
`send`, and write what `data_to_send` returns to the socket. Nothing here blocks, knows the time, or is safe for two
threads at once.

After a `RemoteProtocolError` the connection is over; what came whole before the fault is still in `events`.
"""

from typing import Generic, TypeVar, cast

from codec.chunks.packed import PackedChunk
from net.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from net.protocol.frames import (
    PREAMBLE,
    FrameBuffer,
    decode_chunk,
    decode_control,
    encode_chunk,
    encode_control,
    frame_type_of,
    largest_chunk_body_bytes,
    max_body_bytes,
)
from net.protocol.limits import DEFAULT_LIMITS, Limits
from net.protocol.messages import Accept, Control, End, Feedback, FrameType, Hello, Ping, Pong, Refuse
from net.protocol.sequence import ChunkSequence
from net.protocol.transitions import RECEIVER, SENDER, Event, Role, Signal, State, Transitions

__all__ = ["FromReceiver", "FromSender", "ProtocolSide", "ReceiverProtocol", "SenderProtocol", "State"]

Message = Control | PackedChunk
FromSender = Hello | PackedChunk | End | Ping | Pong
FromReceiver = Accept | Refuse | Feedback | Ping | Pong
ReceivedT = TypeVar("ReceivedT")


class ProtocolSide(Generic[ReceivedT]):
    """One side of a connection, which receives messages of `ReceivedT`: its buffers, its state, and its stream."""

    def __init__(self, role: Role, limits: Limits, hello: Hello | None) -> None:
        self._role, self._limits = role, limits
        self.state = State.OPENING
        """Where the connection stands."""
        self.hello = hello
        """What the sender wants to stream; None at a receiver that has not heard it yet."""
        self._accepted: ChunkSequence | None = None
        self._inbox = FrameBuffer(self._admit)
        self._outbox = bytearray(PREAMBLE)
        self._events: list[ReceivedT] = []
        self._pings_to_answer = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of a frame whose rest has not come yet."""
        return self._inbox.held_bytes

    @property
    def window_left(self) -> int:
        """How many more chunks may pass before some are acknowledged; 0 unless streaming."""
        return self._sequence.window_left if self.state is State.STREAMING else 0

    def receive_data(self, data: bytes) -> None:
        """Process bytes from the peer; raises `RemoteProtocolError` where they break the protocol.

        After REFUSE, or once the connection is lost, they are thrown away.
        """
        if self._role.received.after(self.state, Signal.FAULT) is None:
            return
        if self.state is State.FAILED:
            raise RemoteProtocolError("the peer has broken the protocol before: close the connection")
        self._inbox.feed(data)
        try:
            while frame := self._inbox.next_frame():
                self._receive_frame(*frame)
        except RemoteProtocolError:
            self._fire(self._role.received, Signal.FAULT)
            raise

    def receive_eof(self) -> None:
        """Process the end of what the peer sends; raises `ConnectionLost` where the stream is not over."""
        before, held_bytes = self.state, self.held_bytes
        if self._fire(self._role.received, Signal.EOF):
            held = f", {held_bytes} bytes into a frame" if held_bytes else ""
            raise ConnectionLost(f"the connection closed while {before}{held}")

    def events(self) -> list[ReceivedT]:
        """Return what has come since the last call, in order."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> bytes:
        """Return the bytes to write to the peer, each once."""
        data = bytes(self._outbox)
        self._outbox.clear()
        return data

    def send(self, message: Message) -> None:
        """Queue a message; raises `LocalProtocolError`, with nothing changed, where it must not be sent.

        Once the connection is over, pings, pongs and feedback are dropped. A broken protocol may still be refused.
        """
        if isinstance(message, PackedChunk):
            frame = encode_chunk(message, self._offered)
        else:
            frame = encode_control(message, self._limits)
        if isinstance(message, Pong):
            self._pings_to_answer = max(0, self._pings_to_answer - 1)
        if self._fire(self._role.sent, _event_of(message), message):
            self._outbox += frame

    def _fire(self, transitions: Transitions, event: Event, message: Message | None = None) -> bool:
        """Move to the state that follows `event`; return False where it has no effect.

        Raises the table's error where the state forbids it, or a `ProtocolError` where `message` does not fit the
        stream; nothing has changed then.
        """
        after = transitions.after(self.state, event)
        if after is None:
            return False
        if message is not None:
            self._apply(message)
        self.state = after
        if after in (State.REFUSED, State.FAILED, State.LOST):
            self._inbox.clear()
        return True

    def _apply(self, message: Message) -> None:
        """Follow what a message, sent or received, does to the stream."""
        match message:
            case Hello():
                self.hello = message
            case Accept():
                self._begin_stream(message)
            case PackedChunk():
                self._sequence.add_chunk(message)
            case End():
                self._sequence.check_end(message)
            case Feedback():
                self._sequence.acknowledge(message.acknowledged)
            case _:
                pass

    def _begin_stream(self, accept: Accept) -> None:
        role, hello = self._role, self._offered
        if accept.next_chunk and not hello.resume:
            raise role.receiver_error(f"a new stream was accepted from chunk {accept.next_chunk} on, not from 0")
        self._accepted = ChunkSequence(
            hello, accept, self._limits, sender_error=role.sender_error, receiver_error=role.receiver_error
        )

    @property
    def _offered(self) -> Hello:
        if self.hello is None:
            raise LocalProtocolError("no HELLO has come on this connection")
        return self.hello

    @property
    def _sequence(self) -> ChunkSequence:
        if self._accepted is None:
            raise LocalProtocolError("no stream has been accepted on this connection")
        return self._accepted

    def _admit(self, frame_type: FrameType) -> int:
        self._role.received.after(self.state, frame_type)
        if frame_type is FrameType.CHUNK:
            return largest_chunk_body_bytes(self._offered)
        return max_body_bytes(frame_type, self._limits)

    def _receive_frame(self, frame_type: FrameType, body: bytes) -> None:
        if frame_type is FrameType.CHUNK:
            message: Message = decode_chunk(body, self._offered)
        else:
            message = decode_control(frame_type, body, self._limits)
        self._fire(self._role.received, _event_of(message), message)
        if isinstance(message, Ping):
            self._count_ping()
        self._events.append(cast("ReceivedT", message))  # the role's table lets no other through

    def _count_ping(self) -> None:
        self._pings_to_answer += 1
        if self._pings_to_answer > self._limits.max_unanswered_pings:
            raise RemoteProtocolError(f"the peer sent {self._pings_to_answer} PINGs without waiting for an answer")


class SenderProtocol(ProtocolSide[FromReceiver]):
    """The sender's side of one connection; the first `data_to_send` is the preamble and HELLO.

    Raises `LocalProtocolError` for a HELLO that a receiver with the same limits would not take.
    """

    def __init__(self, hello: Hello, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(SENDER, limits, hello)
        self._outbox += encode_control(hello, limits)


class ReceiverProtocol(ProtocolSide[FromSender]):
    """The receiver's side of one connection."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(RECEIVER, limits, None)


def _event_of(message: Message) -> Event:
    if isinstance(message, PackedChunk):
        return FrameType.CHUNK
    if isinstance(message, Feedback) and message.finished:
        return Signal.FEEDBACK_FINISHED
    return frame_type_of(message)
