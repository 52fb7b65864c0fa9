"""Every limit that one side of a link sets to the other, in one place."""

from dataclasses import dataclass

from codec.chunks.plan import MAX_CHUNK_SAMPLES, MIN_CHUNK_SAMPLES
from net.errors import RemoteProtocolError


class LimitExceeded(RemoteProtocolError):
    """The peer sent more than a limit allows, or a value outside its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is taken from a peer: longest frame bodies in bytes, longest texts in characters, ranges of values.

    With the defaults a connection buffers at most one frame of `chunk_bytes` beside the block that was just read.
    """

    hello_bytes: int = 4096
    accept_bytes: int = 1024
    refuse_bytes: int = 4096
    chunk_bytes: int = 65536
    end_bytes: int = 64
    feedback_bytes: int = 256
    ping_bytes: int = 32
    pong_bytes: int = 64

    name_chars: int = 200
    """Of what is streamed, of the model, and of either side."""
    reason_chars: int = 500

    min_sample_rate: int = 8000
    max_sample_rate: int = 48000
    min_chunk_samples: int = MIN_CHUNK_SAMPLES
    max_chunk_samples: int = MAX_CHUNK_SAMPLES
    max_streams: int = 6
    max_groups: int = 16
    max_bits_per_code: int = 16
    max_epoch_s: float = 1e11
    """The year 5138: still a date for every calendar library."""
    max_stream_s: int = 96 * 3600
    """The longest sound; the wire's capture times reach 119 hours."""
    max_gap_s: int = 3600
    """The longest stretch of sound that a sender may leave out at once."""
    max_window_chunks: int = 1024
    max_unanswered_pings: int = 64


DEFAULT_LIMITS = Limits()
