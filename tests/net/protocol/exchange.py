"""Streams and connections for the protocol's tests."""

import dataclasses
from typing import Any

import msgspec

from codec.chunks.packed import PackedChunk
from net.protocol.frames import payload_bytes
from net.protocol.messages import Accept, End, Feedback, Hello
from net.protocol.state_machine import ReceiverProtocol, SenderProtocol

HELLO = Hello(
    stream_id=bytes(range(16)),
    resume=False,
    fingerprint="0123456789abcdef",
    model="esc-mini",
    sample_rate=16000,
    chunk_samples=16000,
    overlap_samples=1600,
    stitching="crossfade",
    num_streams=6,
    groups=3,
    bits_per_code=10,
    total_samples=None,
    epoch_s=1_750_000_000.5,
    live=False,
    name="speech.wav",
    sender="alice",
)
ACCEPT = Accept(next_chunk=0, receiver="bob", window_chunks=20)
FEEDBACK = Feedback(
    received=0,
    decoded=0,
    played=0,
    acknowledged=0,
    lost=0,
    queue_depth=0,
    queue_capacity=20,
    decode_ms=None,
    decoded_latency_ms=None,
    heard_latency_ms=None,
    round_trip_ms=None,
    clock_offset_ms=None,
    finished=False,
    min_streams=1,
)


def chunk(
    index: int = 0, samples: int = 16000, num_streams: int = 6, *, hello: Hello = HELLO, **changes: Any
) -> PackedChunk:
    """A chunk of zero codes that fits `hello`, with `changes` to its fields."""
    tail = bool(changes.pop("tail", True))
    whole = PackedChunk(
        index=index,
        samples=samples,
        num_streams=num_streams,
        tail=tail,
        silence_dbfs=None,
        capture_s=2.0,
        payload=bytes(payload_bytes(hello, num_streams, samples, tail)),
    )
    return dataclasses.replace(whole, **changes)


def silence(index: int = 0, samples: int = 16000, level_dbfs: int = -60) -> PackedChunk:
    """A silent chunk."""
    return chunk(index, samples, num_streams=0, tail=False, silence_dbfs=level_dbfs, payload=b"")


def end_of(chunks: int, *, hello: Hello = HELLO, complete: bool = True) -> End:
    """END after `chunks` whole chunks."""
    hop = hello.chunk_samples - hello.overlap_samples
    samples = (chunks - 1) * hop + hello.chunk_samples if chunks else 0
    return End(chunks=chunks, samples=samples, complete=complete)


def feedback(**changes: Any) -> Feedback:
    """FEEDBACK of a fresh receiver, with changes."""
    return msgspec.structs.replace(FEEDBACK, **changes)


def pass_on(sender: SenderProtocol, receiver: ReceiverProtocol) -> None:
    """Carry what both sides have to send."""
    receiver.receive_data(sender.data_to_send())
    sender.receive_data(receiver.data_to_send())


def connected(hello: Hello = HELLO, accept: Accept = ACCEPT) -> tuple[SenderProtocol, ReceiverProtocol]:
    """Both sides of a stream that was accepted, with no event left to read."""
    sender, receiver = SenderProtocol(hello), ReceiverProtocol()
    pass_on(sender, receiver)
    receiver.send(accept)
    pass_on(sender, receiver)
    sender.events()
    receiver.events()
    return sender, receiver
