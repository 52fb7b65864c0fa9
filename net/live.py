"""What both ends of a live stream assume: how short its chunks are, and how little is waited for."""

from net.protocol.messages import Hello

DECODING_LOOKAHEAD_MS = 40
"""Without it PESQ falls by 0.6; more of it gains nothing that PESQ shows."""
LIVE_JITTER_MS = 80.0
SHORT_CHUNK_S = 0.5
"""A live stream in chunks of at most this length is meant to be as quick as it can be."""


def is_quick(hello: Hello) -> bool:
    """Whether a stream wants to be heard as soon as possible."""
    return hello.live and hello.chunk_samples <= SHORT_CHUNK_S * hello.sample_rate


def decoding_lookahead_samples(wanted_ms: float | None, hello: Hello) -> int | None:
    """How much of the following codes a receiver waits for: what was wanted, or what suits the stream; None for all."""
    if wanted_ms is None and is_quick(hello):
        wanted_ms = DECODING_LOOKAHEAD_MS
    return None if wanted_ms is None else round(wanted_ms * hello.sample_rate / 1000)
