"""A codec without a network for tests: each code frame holds the level of its 20 ms, so positions can be seen."""

import numpy as np

from codec.config import ModelConfig
from codec.types import Audio, Codes

FRAME = 320
LEVELS = 1023


class StaircaseCodec:
    """Codes the mean of each frame in the first group; other codes count streams. Has the shapes of the real codec."""

    name = "staircase"
    fingerprint = "57a1ca5e57a1ca5e"
    sample_rate = 16000
    max_streams = 6
    groups = 3
    bits_per_code = 10
    frame_samples = FRAME
    config = ModelConfig()

    def kbps(self, num_streams: int) -> float:
        return 1.5 * num_streams

    def encode(self, audio: Audio, num_streams: int = 6) -> Codes:
        frames = -(-(1 + len(audio) // 80) // 4)
        padded = np.pad(audio, (0, max(0, frames * FRAME - len(audio))))[: frames * FRAME]
        means = padded.reshape(frames, FRAME).mean(axis=1)
        codes = np.zeros((num_streams, self.groups, frames), np.uint16)
        codes[:, 0] = np.rint((means + 1) / 2 * LEVELS)
        codes[:, 1] = np.arange(num_streams)[:, None]
        return codes

    def decode(self, codes: Codes, samples: int | None = None, streams: Codes | None = None) -> Audio:
        assert streams is None or (streams == len(codes)).all()
        assert (codes[:, 1] == np.arange(len(codes))[:, None]).all()
        audio = np.repeat(codes[0, 0].astype(np.float32) / LEVELS * 2 - 1, FRAME)[: FRAME * codes.shape[2] - 80]
        assert samples is None or samples <= len(audio)
        return audio[:samples]


def staircase(samples: int, seed: int = 0) -> Audio:
    """A sound that this codec gives back almost unchanged: a random level every 20 ms."""
    levels = np.random.default_rng(seed).uniform(-1, 1, -(-samples // FRAME)).astype(np.float32)
    return np.repeat(levels, FRAME)[:samples]
