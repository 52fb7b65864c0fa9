"""The sender's encoding stage: chunks of sound become chunks of codes, or announcements of silence."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks.bits import pack_codes
from codec.chunks.packed import PackedChunk
from codec.chunks.plan import ChunkPlan, SoundChunk
from codec.chunks.streaming import chunker_for, encode_chunk
from net.audio.activity import noise_level_dbfs
from net.sender.meters import SenderMeters
from net.sender.rate_controller import RateController

if TYPE_CHECKING:
    from codec import Codec


WARM_UP_SAMPLES = 16000
"""More than any model looks back."""


class CapturedChunk:
    """A chunk of sound, when its last sample was captured, and whether there is voice in it."""

    __slots__ = ("active", "captured_s", "chunk")

    def __init__(self, chunk: SoundChunk, captured_s: float, *, active: bool) -> None:
        self.chunk, self.captured_s, self.active = chunk, captured_s, active


class Encoder:
    """Encodes captured chunks, in one thread, with as many streams as `streams` says when each one's turn comes.

    Capture times are told from `epoch_s` on; with `skip_silence` what holds no voice is only announced.
    """

    def __init__(
        self,
        codec: "Callable[[], Codec]",
        streams: RateController,
        meters: SenderMeters,
        *,
        skip_silence: bool,
        epoch_s: float,
    ) -> None:
        self._codec, self._streams, self._meters = codec, streams, meters
        self._skip_silence, self._epoch_s = skip_silence, epoch_s

    def run(self, captured: Iterable[CapturedChunk]) -> None:
        """Encode and queue chunks until there are no more."""
        for each in captured:
            self._streams.queue(self._encode(each))

    def warm_up(self, plan: ChunkPlan, lookahead_samples: int | None, num_streams: int) -> None:
        """The first chunk of a length takes longest: code silence of each length before live sound waits for it."""
        chunker = chunker_for(self._codec(), plan, lookahead_samples)
        coded_lengths = set()
        for chunk in chunker.push(np.zeros(plan.chunk_samples + WARM_UP_SAMPLES, np.float32)):
            length = len(chunk.before) + chunk.samples + len(chunk.after)
            if length not in coded_lengths:
                encode_chunk(self._codec(), chunk, num_streams)
                coded_lengths.add(length)

    def _encode(self, captured: CapturedChunk) -> PackedChunk:
        if self._skip_silence and not captured.active:
            return self._announce_silence(captured)
        codec = self._codec()
        with self._meters.encoding.time(captured.chunk.samples):
            coded = encode_chunk(codec, captured.chunk, self._streams.now)
        self._meters.count_encoded(captured.captured_s)
        return PackedChunk(
            index=coded.index,
            samples=coded.samples,
            num_streams=coded.num_streams,
            tail=coded.tail,
            silence_dbfs=None,
            capture_s=max(0.0, captured.captured_s - self._epoch_s),
            payload=pack_codes(coded.codes, codec.bits_per_code),
        )

    def _announce_silence(self, captured: CapturedChunk) -> PackedChunk:
        self._meters.count_encoded(captured.captured_s, silent=True)
        return PackedChunk(
            index=captured.chunk.index,
            samples=captured.chunk.samples,
            num_streams=0,
            tail=False,
            silence_dbfs=noise_level_dbfs(captured.chunk.audio),
            capture_s=max(0.0, captured.captured_s - self._epoch_s),
            payload=b"",
        )
