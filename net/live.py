"""The preset for the lowest latency: what this machine's speed allows, and the mouth-to-ear time that it gives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks import Chunk, ChunkPlan
from codec.streaming import encode_chunk
from net.clock import SYSTEM_CLOCK
from net.devices import INPUT_LATENCY_S, OUTPUT_LATENCY_S

if TYPE_CHECKING:
    from codec import Codec

CANDIDATE_CHUNKS_MS = (160, 240, 320, 480, 640, 960)
OVERLAP_MS = 20
LIVE_JITTER_MS = 80.0
LIVE_BUFFER_CHUNKS = 6
MOST_LOAD = 0.5
"""Share of the time that coding at both ends of a stream may take."""
ROUNDS = 4
POLLING_MS = 30.0
"""What waiting for the microphone's thread and the device's period adds."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """The chunks that were chosen, and what coding one of them takes here."""

    plan: ChunkPlan
    encode_ms: float
    decode_ms: float
    load: float
    sample_rate: int

    @property
    def chunk_ms(self) -> float:
        """Length of a chunk."""
        return self.plan.chunk_samples * 1000 / self.sample_rate

    @property
    def mouth_to_ear_ms(self) -> float:
        """From sound to sound, as far as it is known before anything is sent; the network's time comes on top."""
        overlap_ms = self.plan.overlap_samples * 1000 / self.sample_rate
        devices_ms = (INPUT_LATENCY_S + OUTPUT_LATENCY_S) * 1000 + POLLING_MS
        return self.chunk_ms + overlap_ms + self.encode_ms + self.decode_ms + LIVE_JITTER_MS + devices_ms

    def describe(self) -> str:
        """The choice in one line, for people."""
        overlap_ms = self.plan.overlap_samples * 1000 / self.sample_rate
        return (
            f"live: chunks of {self.chunk_ms:.0f} ms, overlap {overlap_ms:.0f} ms, jitter buffer {LIVE_JITTER_MS:.0f} "
            f"ms, full queues drop their oldest; encoding takes {self.encode_ms:.0f} ms and decoding "
            f"{self.decode_ms:.0f} ms a chunk ({self.load:.0%} of the time), so mouth to ear is about "
            f"{self.mouth_to_ear_ms:.0f} ms"
        )


def plan_live(codec: "Codec", num_streams: int) -> LivePlan:
    """Choose the shortest chunks that this machine can code in half of their time, encoding and decoding together."""
    for chunk_ms in CANDIDATE_CHUNKS_MS:
        chosen = _measure(codec, num_streams, chunk_ms)
        if chosen.load <= MOST_LOAD:
            return chosen
    return chosen


def _measure(codec: "Codec", num_streams: int, chunk_ms: int) -> LivePlan:
    rate = codec.sample_rate
    plan = ChunkPlan(chunk_ms * rate // 1000, OVERLAP_MS * rate // 1000)
    noise = np.random.default_rng(0).normal(0, 0.1, plan.chunk_samples).astype(np.float32)
    encode_s, decode_s = [], []
    for _ in range(ROUNDS):
        start_s = SYSTEM_CLOCK.monotonic_s()
        coded = encode_chunk(codec, Chunk(0, noise), num_streams)
        encoded_s = SYSTEM_CLOCK.monotonic_s()
        codec.decode(coded.codes, samples=plan.chunk_samples)
        encode_s.append(encoded_s - start_s)
        decode_s.append(SYSTEM_CLOCK.monotonic_s() - encoded_s)
    encode_ms, decode_ms = (float(np.median(each[1:])) * 1000 for each in (encode_s, decode_s))
    load = (encode_ms + decode_ms) * rate / 1000 / plan.hop_samples
    return LivePlan(plan, encode_ms, decode_ms, load, rate)
