"""The link's state machine without I/O, as `PROTOCOL.md` tells it: bytes in, events out; calls in, bytes out.

Feed what a socket gives to `receive_data` (and `receive_eof`), take what has come from `events`, and write what
`data_to_send` returns to the socket. Nothing here blocks, knows the time, or is safe for two threads at once.

After a `RemoteProtocolError` the connection is over; what came whole before the fault is still in `events`.
"""

import enum
from typing import Final

from codec.chunks.packed import PackedChunk
from net.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from net.protocol.frames import (
    PREAMBLE,
    FrameBuffer,
    decode_chunk,
    decode_control,
    encode_chunk,
    encode_control,
    largest_chunk_body_bytes,
    max_body_bytes,
)
from net.protocol.limits import DEFAULT_LIMITS, Limits
from net.protocol.messages import Accept, Control, End, Feedback, FrameType, Hello, Ping, Pong, Refuse
from net.protocol.sequence import ChunkSequence


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
        return self in _FINAL


_FINAL: Final = frozenset({State.FINISHED, State.REFUSED, State.FAILED, State.LOST})
_PINGS: Final = frozenset({FrameType.PING, FrameType.PONG})
_FROM_RECEIVER: Final[dict[State, frozenset[FrameType]]] = {
    State.OPENING: frozenset({FrameType.ACCEPT, FrameType.REFUSE}),
    State.STREAMING: _PINGS | {FrameType.REFUSE, FrameType.FEEDBACK},
    State.ENDED: _PINGS | {FrameType.REFUSE, FrameType.FEEDBACK},
    State.FINISHED: _PINGS,
}
_FROM_SENDER: Final[dict[State, frozenset[FrameType]]] = {
    State.OPENING: frozenset({FrameType.HELLO}),
    State.DECIDING: frozenset(),
    State.STREAMING: _PINGS | {FrameType.CHUNK, FrameType.END},
    State.ENDED: _PINGS,
    State.FINISHED: _PINGS,
}


class _Side:
    """What both sides share: buffers, states, pings."""

    _admitted: dict[State, frozenset[FrameType]]
    _safe_to_close: frozenset[State]
    _sent_when_finished: tuple[type[Control], ...] = (Pong,)

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._state = State.OPENING
        self._inbox = FrameBuffer(self._admit)
        self._outbox = bytearray(PREAMBLE)
        self._pings_to_answer = 0
        self._accepted: ChunkSequence | None = None

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def limits(self) -> Limits:
        """What is taken from the peer."""
        return self._limits

    @property
    def held_bytes(self) -> int:
        """Bytes of a frame whose rest has not come yet."""
        return self._inbox.held_bytes

    @property
    def window_left(self) -> int:
        """How many more chunks may pass before some are acknowledged; 0 unless streaming."""
        return self._sequence.window_left if self._state is State.STREAMING else 0

    @property
    def _sequence(self) -> ChunkSequence:
        if self._accepted is None:
            raise LocalProtocolError("no stream has been accepted on this connection")
        return self._accepted

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; raises `RemoteProtocolError` where they break the protocol.

        After REFUSE, or once the connection is lost, they are thrown away.
        """
        if self._state in (State.REFUSED, State.LOST):
            return
        if self._state is State.FAILED:
            raise RemoteProtocolError("the peer has broken the protocol before: close the connection")
        self._inbox.feed(data)
        try:
            self._take_frames()
        except RemoteProtocolError:
            self._state = State.FAILED
            self._inbox.clear()
            raise

    def _take_frames(self) -> None:
        while frame := self._inbox.next_frame():
            self._take_frame(*frame)
            if self._state is State.REFUSED:
                self._inbox.clear()

    def receive_eof(self) -> None:
        """Take that the peer will send nothing more; raises `ConnectionLost` where the stream is not over."""
        if self._state in self._safe_to_close or self._state.is_final:
            return
        before = self._state
        self._state = State.LOST
        held = f", {self._inbox.held_bytes} bytes into a frame" if self._inbox.held_bytes else ""
        raise ConnectionLost(f"the connection closed while {before}{held}")

    def data_to_send(self) -> bytes:
        """Return the bytes to write to the peer, each once."""
        data = bytes(self._outbox)
        self._outbox.clear()
        return data

    def send_ping(self, ping: Ping) -> None:
        """Ask for a PONG. Once the connection is over, pings and pongs are dropped."""
        self._send_advice(ping)

    def send_pong(self, pong: Pong) -> None:
        """Answer a PING that came as an event."""
        self._pings_to_answer = max(0, self._pings_to_answer - 1)
        self._send_advice(pong)

    def _send_advice(self, message: Ping | Pong | Feedback) -> None:
        finished = self._state is State.FINISHED
        if self._state.is_final and not (finished and isinstance(message, self._sent_when_finished)):
            return
        if self._state not in (State.STREAMING, State.ENDED, State.FINISHED):
            raise LocalProtocolError(f"{type(message).__name__} must not be sent while {self._state}")
        self._queue(message)

    def _queue(self, message: Control) -> None:
        self._outbox += encode_control(message, self._limits)

    def _require(self, *states: State, doing: str) -> None:
        if self._state not in states:
            raise LocalProtocolError(f"{doing} is not possible while {self._state}")

    def _admit(self, frame_type: FrameType) -> int:
        if frame_type not in self._admitted[self._state]:
            raise RemoteProtocolError(f"the peer sent {frame_type.name} while {self._state}")
        return self._max_body_bytes(frame_type)

    def _max_body_bytes(self, frame_type: FrameType) -> int:
        return max_body_bytes(frame_type, self._limits)

    def _take_frame(self, frame_type: FrameType, body: bytes) -> None:
        raise NotImplementedError

    def _count_ping(self) -> None:
        self._pings_to_answer += 1
        if self._pings_to_answer > self._limits.max_unanswered_pings:
            raise RemoteProtocolError(f"the peer sent {self._pings_to_answer} PINGs without waiting for an answer")


class SenderProtocol(_Side):
    """The sender's side of one connection; the first `data_to_send` is the preamble and HELLO.

    Raises `LocalProtocolError` for a HELLO that a receiver with the same limits would not take.
    """

    _admitted = _FROM_RECEIVER
    _safe_to_close = frozenset()

    def __init__(self, hello: Hello, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._hello = hello
        self._events: list[Accept | Refuse | Feedback | Ping | Pong] = []
        self._queue(hello)

    @property
    def hello(self) -> Hello:
        """What this side wants to stream."""
        return self._hello

    def events(self) -> list[Accept | Refuse | Feedback | Ping | Pong]:
        """Return what has come since the last call, in order."""
        events, self._events = self._events, []
        return events

    def send_chunk(self, chunk: PackedChunk) -> None:
        """Send a chunk; raises `LocalProtocolError` if it is not its turn, or `window_left` is 0."""
        self._require(State.STREAMING, doing=f"sending chunk {chunk.index}")
        frame = encode_chunk(chunk, self._hello)
        self._sequence.take_chunk(chunk)
        self._outbox += frame

    def send_end(self, end: End) -> None:
        """Say that no chunk will follow; raises `LocalProtocolError` if the counts do not fit what was sent."""
        self._require(State.STREAMING, doing="sending END")
        self._sequence.take_end(end)
        self._queue(end)
        self._state = State.ENDED

    def _take_frame(self, frame_type: FrameType, body: bytes) -> None:
        message = decode_control(frame_type, body, self._limits)
        match message:
            case Accept():
                self._take_accept(message)
            case Refuse():
                self._state = State.REFUSED
            case Feedback():
                self._take_feedback(message)
            case Ping():
                self._count_ping()
            case Pong():
                pass
            case Hello() | End():
                raise RemoteProtocolError(f"the peer sent {frame_type.name}, which only senders send")
        self._events.append(message)

    def _take_accept(self, accept: Accept) -> None:
        if accept.next_chunk and not self._hello.resume:
            raise RemoteProtocolError(f"the peer accepted a new stream from chunk {accept.next_chunk} on")
        self._accepted = ChunkSequence(
            self._hello,
            accept,
            self._limits,
            chunk_error=LocalProtocolError,
            acknowledgement_error=RemoteProtocolError,
        )
        self._state = State.STREAMING

    def _take_feedback(self, feedback: Feedback) -> None:
        if feedback.finished and self._state is not State.ENDED:
            raise RemoteProtocolError("the peer has finished a stream that has not ended")
        self._sequence.take_acknowledgement(feedback.acknowledged)
        if feedback.finished:
            self._state = State.FINISHED


class ReceiverProtocol(_Side):
    """The receiver's side of one connection."""

    _admitted = _FROM_SENDER
    _safe_to_close = frozenset({State.ENDED})
    _sent_when_finished = (Pong, Ping)

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._hello: Hello | None = None
        self._events: list[Hello | PackedChunk | End | Ping | Pong] = []

    @property
    def hello(self) -> Hello | None:
        """What the sender wants to stream, once it has said so."""
        return self._hello

    def events(self) -> list[Hello | PackedChunk | End | Ping | Pong]:
        """Return what has come since the last call, in order."""
        events, self._events = self._events, []
        return events

    def accept(self, accept: Accept) -> None:
        """Take the stream that HELLO offered, from chunk `accept.next_chunk` on."""
        self._require(State.DECIDING, doing="accepting a stream")
        hello = self._offered
        if accept.next_chunk and not hello.resume:
            raise LocalProtocolError(f"a new stream cannot be accepted from chunk {accept.next_chunk} on")
        self._queue(accept)
        self._accepted = ChunkSequence(
            hello,
            accept,
            self._limits,
            chunk_error=RemoteProtocolError,
            acknowledgement_error=LocalProtocolError,
        )
        self._state = State.STREAMING

    def refuse(self, refuse: Refuse) -> None:
        """End the connection with a reason, at any time but after it ended; a broken protocol may still be answered."""
        self._require(
            State.OPENING, State.DECIDING, State.STREAMING, State.ENDED, State.FAILED, doing="refusing a stream"
        )
        self._queue(refuse)
        self._inbox.clear()
        self._state = State.REFUSED

    def send_feedback(self, feedback: Feedback) -> None:
        """Tell the sender how this side stands; with `finished`, that all is decoded and saved."""
        if self._state.is_final:
            return
        self._require(State.STREAMING, State.ENDED, doing="sending FEEDBACK")
        if feedback.finished:
            self._require(State.ENDED, doing="finishing a stream")
        frame = encode_control(feedback, self._limits)
        self._sequence.take_acknowledgement(feedback.acknowledged)
        self._outbox += frame
        if feedback.finished:
            self._state = State.FINISHED

    def _max_body_bytes(self, frame_type: FrameType) -> int:
        if frame_type is FrameType.CHUNK:
            return largest_chunk_body_bytes(self._offered)
        return super()._max_body_bytes(frame_type)

    def _take_frame(self, frame_type: FrameType, body: bytes) -> None:
        if frame_type is FrameType.CHUNK:
            self._take_chunk(body)
            return
        message = decode_control(frame_type, body, self._limits)
        match message:
            case Hello():
                self._hello = message
                self._state = State.DECIDING
            case End():
                self._take_end(message)
            case Ping():
                self._count_ping()
            case Pong():
                pass
            case Accept() | Refuse() | Feedback():
                raise RemoteProtocolError(f"the peer sent {frame_type.name}, which only receivers send")
        self._events.append(message)

    @property
    def _offered(self) -> Hello:
        if self._hello is None:
            raise LocalProtocolError("no HELLO has come on this connection")
        return self._hello

    def _take_chunk(self, body: bytes) -> None:
        chunk = decode_chunk(body, self._offered)
        self._sequence.take_chunk(chunk)
        self._events.append(chunk)

    def _take_end(self, end: End) -> None:
        self._sequence.take_end(end)
        self._state = State.ENDED
