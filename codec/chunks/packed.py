"""A coded chunk as bytes: what `.esc` files hold and links carry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedChunk:
    """One chunk of the plan, of one channel: packed codes, or a stretch of silence.

    `payload` holds packed codes (`codec.chunks.bits`) of `num_streams`; `tail` says that they include the code frame
    after the last sample. Silence has `silence_dbfs` (−127 to 0; −127 is digital silence), no streams, no tail and no
    payload. `capture_s` is when the last sample was captured, in seconds from the stream's epoch: links carry it in
    steps of 0.1 ms, files do not.
    """

    index: int
    samples: int
    num_streams: int
    payload: bytes
    channel: int = 0
    tail: bool = True
    silence_dbfs: int | None = None
    capture_s: float = 0.0
