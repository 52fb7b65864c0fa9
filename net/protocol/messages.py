"""The messages of the protocol as typed records; `PROTOCOL.md` describes each."""

import enum
from typing import Annotated, Final, Literal

import msgspec

from codec.chunks.plan import ChunkPlan, Stitching

MAX_U32: Final = 2**32 - 1

U32 = Annotated[int, msgspec.Meta(ge=0, le=MAX_U32)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_U32)]
Samples = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Milliseconds = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
Seconds = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
StreamId = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$", max_length=16)]
RefuseCode = Literal["busy", "model", "format", "limit", "protocol", "policy", "storage", "internal"]


class FrameType(enum.IntEnum):
    """The first byte of a frame."""

    HELLO = 1
    ACCEPT = 2
    REFUSE = 3
    CHUNK = 4
    END = 5
    FEEDBACK = 6
    PING = 7
    PONG = 8


class Hello(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sender wants to stream. Capture times count from `epoch_s`, the sender's clock at the stream's start.

    `resume` says that a receiver may have heard of `stream_id` before; `num_streams` is the most that will be used.
    """

    stream_id: StreamId
    resume: bool
    fingerprint: Fingerprint
    model: str
    sample_rate: U32
    chunk_samples: U32
    overlap_samples: U32
    stitching: Literal["crossfade", "seamless"]
    num_streams: U32
    groups: U32
    bits_per_code: U32
    total_samples: Samples | None
    epoch_s: Seconds
    live: bool
    name: str
    sender: str

    @property
    def plan(self) -> ChunkPlan:
        """How the sound is cut into chunks. Raises `UsageError` where no plan has these lengths."""
        return ChunkPlan(self.chunk_samples, self.overlap_samples, Stitching(self.stitching))


class Accept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The receiver takes the stream from `next_chunk` on, with at most `window_chunks` unacknowledged."""

    next_chunk: U32
    receiver: str
    window_chunks: Count


class Refuse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The receiver ends the connection; `reason` is for people."""

    code: RefuseCode
    reason: str


class Refusal(Exception):
    """The receiver does not take a stream, or no more of it; both parts go into REFUSE."""

    def __init__(self, code: RefuseCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stream is over: so many chunks and samples in all, left-out ones included; incomplete if stopped early."""

    chunks: U32
    samples: Samples
    complete: bool


class Feedback(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """How the receiver stands: chunk counters, its decoding queue, and times.

    The receiver will never ask again for chunks below `acknowledged`. `finished` means that all is decoded and saved,
    which comes only after END. `min_streams` is the fewest streams that the receiver wants to be sent.
    """

    received: U32
    decoded: U32
    played: U32
    acknowledged: U32
    lost: U32
    queue_depth: U32
    queue_capacity: U32
    decode_ms: Milliseconds | None
    decoded_latency_ms: Milliseconds | None
    heard_latency_ms: Milliseconds | None
    round_trip_ms: Milliseconds | None
    clock_offset_ms: Milliseconds | None
    finished: bool
    min_streams: U32


class Ping(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Asks for a PONG; `sent_s` is the asker's clock."""

    id: U32
    sent_s: Seconds

    def answer(self, now_s: float) -> "Pong":
        """Return the answer to a PING that came just now, by the answerer's clock."""
        return Pong(self.id, self.sent_s, now_s, now_s)


class Pong(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Answers a PING: its `id` and `sent_s`, and when it was received and answered by the answerer's clock."""

    id: U32
    sent_s: Seconds
    received_s: Seconds
    replied_s: Seconds


Control = Hello | Accept | Refuse | End | Feedback | Ping | Pong
