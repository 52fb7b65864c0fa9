"""Chunks of codes become sound for the sinks, and silence stands for those that are missing. No thread, no queue."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks.bits import unpack_codes
from codec.chunks.packed import CodedChunk, PackedChunk, code_frames
from codec.chunks.plan import Stitching
from codec.chunks.streaming import Contribution, decoder_for, history_chunks
from net.errors import RemoteProtocolError
from net.live import decoding_lookahead_samples
from net.protocol.messages import End, Hello
from net.receiver.resume_checkpoint import Position
from net.telemetry.meters import CodecMeter

if TYPE_CHECKING:
    from codec import Codec


GAP_S = 10
"""So much of the silence that stands for missing chunks may come in one piece."""
WARM_UP_SAMPLES = 8000
"""More than any model looks back to decode."""


class ChunkDecoder:
    """Decodes the chunks of one stream in order, from where `start` stands: what that counts is not returned again.

    A sender that resumes what is not here streamed to another receiver before: then nothing is missing before the first
    chunk.
    """

    def __init__(
        self, hello: Hello, codec: "Codec", start: Position, lookahead_ms: float | None, meter: CodecMeter
    ) -> None:
        self._hello, self._codec, self._meter = hello, codec, meter
        self._plan = hello.plan
        self._lookahead_samples = decoding_lookahead_samples(lookahead_ms, hello)
        self._decoder = decoder_for(codec, self._plan, self._lookahead_samples)
        self._kept_chunks, self._stitched_samples = start.chunks, start.samples
        self.history_chunks = history_chunks(codec, self._plan, exact=not hello.live)
        """Chunks before `start` that are decoded again: a decoder that has lost its state needs them."""
        first_index = max(0, start.chunks - self.history_chunks)
        self._next_index = None if hello.resume and not start.chunks else first_index
        self._last_chunk: PackedChunk | None = None

    def warm_up(self) -> None:
        """Decode some silence, since the first chunk of a length takes longest: live sound should not wait for it."""
        codec, samples = self._codec, self._hello.chunk_samples
        tail = self._plan.stitching is Stitching.CROSSFADE
        codes = np.zeros((self._hello.num_streams, codec.groups, code_frames(samples, tail)), np.uint16)
        decoder = decoder_for(codec, self._plan, self._lookahead_samples)
        for index in range(1 if tail else 1 + WARM_UP_SAMPLES // samples):
            decoder.push(CodedChunk(index, samples, codes, tail))

    def missing_before(self, chunk: PackedChunk) -> range:
        """The indexes of the chunks that should have come before this one."""
        if self._next_index is None:
            self._next_index = chunk.index
            self._stitched_samples = self._plan.start(chunk.index)
        return range(self._next_index, chunk.index)

    def missing_at_end(self, end: End | None) -> range:
        """The indexes of the chunks that should have come before END."""
        return range(0) if end is None or self._next_index is None else range(self._next_index, end.chunks)

    def silence(
        self, missing: range, end: End | None = None, *, chunk_by_chunk: bool = False
    ) -> Iterator[Contribution]:
        """Silence in the place of missing chunks, the last of them before `end`: in long pieces, or chunk by chunk."""
        most = 1 if chunk_by_chunk else max(1, GAP_S * self._hello.sample_rate // self._plan.hop_samples)
        for first in range(missing.start, missing.stop, most):
            piece = range(first, min(first + most, missing.stop))
            sound = self._new([self._decoder.push_silence(index, self._missing_samples(index, end)) for index in piece])
            if sound:
                yield sound

    def decode(self, chunk: PackedChunk) -> Contribution | None:
        """The sound that is final with the next chunk. Raises `RemoteProtocolError` for codes that are broken."""
        self._next_index, self._last_chunk = chunk.index + 1, chunk
        return self._new([self._push(chunk)])

    def finish(self) -> Contribution:
        """The end of the sound."""
        contribution = self._decoder.finish()
        self._stitched_samples += len(contribution.audio)
        return contribution

    @property
    def capture_s(self) -> float | None:
        """When the last sample that was returned was captured, in seconds from the stream's epoch; None before any."""
        chunk = self._last_chunk
        if chunk is None:
            return None
        beyond_samples = self._plan.start(chunk.index) + chunk.samples - self._stitched_samples
        return chunk.capture_s - beyond_samples / self._hello.sample_rate

    def _new(self, contributions: list[Contribution]) -> Contribution | None:
        """The contributions that the start does not count, as one."""
        new = [each for each in contributions if each.index >= self._kept_chunks]
        if not new:
            return None
        audio = np.concatenate([each.audio for each in new])
        self._stitched_samples += len(audio)
        return Contribution(new[-1].index, audio)

    def _push(self, chunk: PackedChunk) -> Contribution:
        if chunk.silence_dbfs is not None:
            return self._decoder.push_silence(chunk.index, chunk.samples, chunk.silence_dbfs)
        codec = self._codec
        frames = code_frames(chunk.samples, chunk.tail)
        try:
            codes = unpack_codes(chunk.payload, chunk.num_streams, codec.groups, frames, codec.bits_per_code)
        except ValueError as error:
            raise RemoteProtocolError(f"the codes of chunk {chunk.index} are broken: {error}") from error
        with self._meter.time(chunk.samples):
            return self._decoder.push(CodedChunk(chunk.index, chunk.samples, codes, chunk.tail))

    def _missing_samples(self, index: int, end: End | None) -> int:
        if end is not None and index == end.chunks - 1:
            return end.samples - self._plan.start(index)
        return self._plan.chunk_samples
