"""The sender's encoding stage: chunks of sound become chunks of codes, or announcements of silence."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks.packed import PackedChunk, pack_chunk
from codec.chunks.plan import ChunkPlan, SoundChunk
from codec.chunks.streaming import chunker_for, encode_chunk
from net.audio.activity import noise_level_dbfs
from net.sender.rate_controller import RateController
from net.sender.send_buffer import SendBuffer
from net.telemetry.stream_context import StreamContext

if TYPE_CHECKING:
    from codec import Codec


WARM_UP_SAMPLES = 16000
"""More than any model looks back."""


def warm_up(codec: "Codec", plan: ChunkPlan, lookahead_samples: int | None, num_streams: int) -> None:
    """Encode silence of each length that a chunk with its context may have: the first of a length takes longest."""
    chunker = chunker_for(codec, plan, lookahead_samples)
    coded_lengths = set()
    for chunk in chunker.push(np.zeros(plan.chunk_samples + WARM_UP_SAMPLES, np.float32)):
        length = len(chunk.before) + chunk.samples + len(chunk.after)
        if length not in coded_lengths:
            encode_chunk(codec, chunk, num_streams)
            coded_lengths.add(length)


class Encoder:
    """Encodes chunks of sound, in one thread, with as many streams as `rate` says when each one's turn comes.

    With `skip_silence` what holds no voice is only announced.
    """

    def __init__(
        self,
        codec: "Callable[[], Codec]",
        rate: RateController,
        buffer: SendBuffer,
        context: StreamContext,
        *,
        skip_silence: bool,
    ) -> None:
        self._codec, self._rate, self._buffer, self._skip_silence = codec, rate, buffer, skip_silence
        self._clock, self._meters, self._epoch_s = context.clock, context.meters, context.epoch_s
        self.index = 0
        """The chunk that was taken last."""

    def run(self, captured: Iterable[SoundChunk]) -> None:
        """Encode and put chunks into the send buffer until there are no more. Raises `PipelineStopped`."""
        for sound in captured:
            self.index = sound.index
            silent = self._skip_silence and not sound.has_voice
            chunk = self._announce_silence(sound) if silent else self._encode(sound)
            self._meters.latencies["encoded"].add(self._clock.epoch_s() - sound.captured_s)
            self._meters.count("encoded")
            self._meters.count("silent", silent)
            self._buffer.put(chunk)
            self._rate.update()

    def _encode(self, sound: SoundChunk) -> PackedChunk:
        codec = self._codec()
        with self._meters.coding.time(sound.samples):
            coded = encode_chunk(codec, sound, self._rate.num_streams)
        return pack_chunk(coded, codec.bits_per_code, capture_s=self._capture_s(sound))

    def _announce_silence(self, sound: SoundChunk) -> PackedChunk:
        return PackedChunk(
            index=sound.index,
            samples=sound.samples,
            num_streams=0,
            tail=False,
            silence_dbfs=noise_level_dbfs(sound.audio),
            capture_s=self._capture_s(sound),
            payload=b"",
        )

    def _capture_s(self, sound: SoundChunk) -> float:
        return max(0.0, sound.captured_s - self._epoch_s)
