"""The preset for the lowest latency: what this machine's speed allows, and the mouth-to-ear time that it gives.

Cross-faded and seamless chunks are compared. Seamless ones send no sound twice, so they may be shorter for the same
bitrate, but what is around them is coded again and again, which takes time; both are measured. They look ahead no
further than quality needs: 40 ms of codes to decode, nothing to encode.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from codec.chunks.packed import code_frames
from codec.chunks.plan import ChunkPlan, SoundChunk, Stitching
from codec.chunks.streaming import chunker_for, decoder_for, encode_chunk
from net.audio.devices import INPUT_LATENCY_S, OUTPUT_LATENCY_S
from net.live import DECODING_LOOKAHEAD_MS, LIVE_JITTER_MS
from net.protocol.frames import CHUNK_HEADER, HEADER_BYTES
from net.runtime.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from codec import Codec

CROSSFADED_CHUNKS_MS = (160, 240, 320, 480, 640, 960)
SEAMLESS_CHUNKS_MS = (80, 120, 160, 240, 320, 480, 960)
OVERLAP_MS = 20
ENCODING_LOOKAHEAD_MS = 0
LIVE_BUFFER_S = 1.0
MOST_LOAD = 0.5
"""Share of the time that coding at both ends of a stream may take."""
ROUNDS = 5
POLLING_MS = 30.0
"""What waiting for the microphone's thread and the device's period adds."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """Chunks for live speech, and what coding one of them takes here."""

    plan: ChunkPlan
    encode_ms: float
    decode_ms: float
    sample_rate: int
    wire_kbps: float

    @property
    def load(self) -> float:
        """Share of the time that coding at both ends takes."""
        return (self.encode_ms + self.decode_ms) * self.sample_rate / 1000 / self.plan.hop_samples

    @property
    def chunk_ms(self) -> float:
        """Length of a chunk."""
        return self.plan.chunk_samples * 1000 / self.sample_rate

    @property
    def lookahead_ms(self) -> float:
        """What is waited for beyond a chunk, at both ends together."""
        seamless = self.plan.stitching is Stitching.SEAMLESS
        return ENCODING_LOOKAHEAD_MS + DECODING_LOOKAHEAD_MS if seamless else 0.0

    @property
    def mouth_to_ear_ms(self) -> float:
        """From sound to sound, as far as it is known before anything is sent; the network's time comes on top."""
        devices_ms = (INPUT_LATENCY_S + OUTPUT_LATENCY_S) * 1000 + POLLING_MS
        waiting_ms = self.chunk_ms + self.lookahead_ms + LIVE_JITTER_MS + devices_ms
        return waiting_ms + self.encode_ms + self.decode_ms

    @property
    def queue_chunks(self) -> int:
        """How many chunks may wait between two stages of the sender."""
        return max(2, round(LIVE_BUFFER_S * self.sample_rate / self.plan.hop_samples))

    def describe(self) -> str:
        """The plan in a few words."""
        if self.plan.stitching is Stitching.SEAMLESS:
            joined = f"seamless, {DECODING_LOOKAHEAD_MS} ms look-ahead to decode"
        else:
            joined = f"cross-faded over {OVERLAP_MS} ms"
        return (
            f"chunks of {self.chunk_ms:.0f} ms, {joined} ({self.wire_kbps:.1f} kbps, encoding {self.encode_ms:.0f} ms, "
            f"decoding {self.decode_ms:.0f} ms, {self.load:.0%} of the time): mouth to ear about "
            f"{self.mouth_to_ear_ms:.0f} ms"
        )


@dataclass(frozen=True, slots=True)
class LiveChoice:
    """What was chosen, and the best of the other way to join chunks; None where that needs more bits or is too slow."""

    chosen: LivePlan
    other: LivePlan | None

    def describe(self) -> str:
        """The choice and its reason in one line."""
        why = f"; not {self.other.describe()}" if self.other else ""
        return (
            f"live: {self.chosen.describe()}{why}; jitter buffer {LIVE_JITTER_MS:.0f} ms, full queues drop their oldest"
        )


def plan_live(codec: "Codec", num_streams: int, clock: Clock = SYSTEM_CLOCK) -> LiveChoice:
    """Choose chunks that this machine can code in half of their time, encoding and decoding together.

    Of the shortest cross-faded and the shortest seamless ones that need no more bits, the sooner heard are chosen.
    """
    per_ms = codec.sample_rate // 1000
    crossfaded = [ChunkPlan(ms * per_ms, OVERLAP_MS * per_ms) for ms in CROSSFADED_CHUNKS_MS]
    seamless = [ChunkPlan(ms * per_ms, 0, Stitching.SEAMLESS) for ms in SEAMLESS_CHUNKS_MS]
    return choose(*(_shortest(codec, num_streams, plans, clock) for plans in (crossfaded, seamless)))


def choose(crossfaded: LivePlan, seamless: LivePlan) -> LiveChoice:
    """Choose the plan that is heard sooner; seamless only if it can keep up and needs no more bits."""
    if seamless.load > MOST_LOAD or seamless.wire_kbps > crossfaded.wire_kbps:
        return LiveChoice(crossfaded, None)
    chosen, other = sorted((seamless, crossfaded), key=lambda plan: plan.mouth_to_ear_ms)
    return LiveChoice(chosen, other)


def _shortest(codec: "Codec", num_streams: int, plans: list[ChunkPlan], clock: Clock) -> LivePlan:
    """The first plan that can keep up, or else the last one."""
    for plan in plans:
        measured = _measure(codec, num_streams, plan, clock)
        if measured.load <= MOST_LOAD:
            break
    return measured


def _measure(codec: "Codec", num_streams: int, plan: ChunkPlan, clock: Clock) -> LivePlan:
    """Code one chunk again and again, inside all the context that it may have; the medians count."""
    rate = codec.sample_rate
    sound = _sound_in_context(codec, plan)
    decoder = decoder_for(codec, plan, DECODING_LOOKAHEAD_MS * rate // 1000)
    coded = encode_chunk(codec, sound, num_streams)
    for index in range(sound.index):
        decoder.push(replace(coded, index=index))
    times_s = []
    for turn in range(ROUNDS):
        start_s = clock.monotonic_s()
        coded = encode_chunk(codec, sound, num_streams)
        encoded_s = clock.monotonic_s()
        decoder.push(replace(coded, index=sound.index + turn))
        times_s.append((encoded_s - start_s, clock.monotonic_s() - encoded_s))
    encode_ms, decode_ms = np.median(times_s[1:], axis=0) * 1000
    return LivePlan(plan, float(encode_ms), float(decode_ms), rate, wire_kbps(codec, num_streams, plan))


def _sound_in_context(codec: "Codec", plan: ChunkPlan) -> SoundChunk:
    """A chunk of noise with all the context that chunks of the plan have from then on."""
    chunker = chunker_for(codec, plan, ENCODING_LOOKAHEAD_MS * codec.sample_rate // 1000)
    generator = np.random.default_rng(0)
    while True:
        for chunk in chunker.push(generator.normal(0, 0.1, plan.chunk_samples).astype(np.float32)):
            if chunk.index and plan.start(chunk.index) > codec.sample_rate:
                return chunk


def wire_kbps(codec: "Codec", num_streams: int, plan: ChunkPlan) -> float:
    """What chunks of a plan take on the wire, with their headers."""
    hop_s = plan.hop_samples / codec.sample_rate
    frames = code_frames(plan.chunk_samples, tail=plan.stitching is Stitching.CROSSFADE)
    codes_kbit = codec.kbps(num_streams) * frames * codec.frame_samples / codec.sample_rate
    return (codes_kbit + (HEADER_BYTES + CHUNK_HEADER.size) * 8 / 1000) / hop_s
