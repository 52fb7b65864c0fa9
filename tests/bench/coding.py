"""What coding costs: the fast network against the plain one, measured turn by turn in one run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from codec import compress, decompress
from codec.checkpoint import Checkpoint
from codec.codec import Codec
from codec.config import ModelConfig
from codec.network.esc import ESC
from tests.codec.models import random_network

RATE = 16000
ROUNDS = 9
ESC_BASE = ModelConfig(codebook_dims=(32, 32, 16, 12, 8, 6))
ESC_LARGE = ModelConfig(swin_depth=4, codebook_dims=(8,) * 6)


@dataclass(frozen=True, slots=True)
class Times:
    """The best of several rounds, in ms."""

    plain_encode_ms: float
    fast_encode_ms: float
    plain_decode_ms: float
    fast_decode_ms: float

    @property
    def encode_ratio(self) -> float:
        """Plain ÷ fast."""
        return self.plain_encode_ms / self.fast_encode_ms

    @property
    def decode_ratio(self) -> float:
        """Plain ÷ fast."""
        return self.plain_decode_ms / self.fast_decode_ms


def random_codec(name: str, config: ModelConfig) -> Codec:
    """A codec of this shape with random weights."""
    return Codec(Checkpoint(name, config, random_network(config), "0" * 16))


def plain_network(codec: Codec) -> ESC:
    """The readable network, with the codec's weights."""
    return codec._checkpoint.network


def compare(codec: Codec, samples: int = RATE) -> Times:
    """Time one chunk at all streams through both networks, in turns, so that both meet the same machine."""
    network, sound = plain_network(codec), noise(samples)
    batch, codes = torch.from_numpy(sound)[None], codec.encode(sound)
    whole = torch.from_numpy(codes.astype(np.int64))[None]

    def plainly(run: Callable[[], object]) -> Callable[[], object]:
        def inferring() -> object:
            with torch.inference_mode():
                return run()

        return inferring

    steps = (
        plainly(lambda: network.encode(batch, codec.max_streams)),
        lambda: codec.encode(sound),
        plainly(lambda: network.decode(whole)),
        lambda: codec.decode(codes),
    )
    return Times(*best_ms(steps))


def real_time_factors(codec: Codec) -> dict[str, dict[str, float]]:
    """Encoding and decoding time ÷ audio time, by chunk length, and of 1 s chunks by number of streams."""
    by_chunk = {f"{ms} ms": _factors(codec, ms * RATE // 1000, codec.max_streams) for ms in (160, 320, 1000, 4000)}
    by_streams = {f"{streams} streams": _factors(codec, RATE, streams) for streams in (1, 3, 6)}
    return by_chunk | by_streams


def whole_file_rtf(codec: Codec, seconds: int = 60) -> float:
    """Encoding and decoding a file of `seconds` as a whole, in time ÷ audio time: the better of two turns."""
    sound = noise(seconds * RATE)
    return min(_time_ms(lambda: decompress(compress(sound, codec), codec)) for _ in range(2)) / 1000 / seconds


def roofline(codec: Codec) -> dict[str, float]:
    """Arithmetic of a 1 s chunk, what `torch.mm` reaches here, and the least time that follows."""
    network, sound = plain_network(codec), torch.from_numpy(noise(RATE))[None]
    matrix = torch.randn(1024, 1024)
    (mm_ms,) = best_ms((lambda: torch.mm(matrix, matrix),))
    gflops = 2 * 1024**3 / mm_ms / 1e6
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        codes = network.encode(sound, codec.max_streams)
        encode_gflop = counter.get_total_flops() / 1e9
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.decode(codes)
        decode_gflop = counter.get_total_flops() / 1e9
    return {
        "mm_gflops": gflops,
        "plain_encode_gflop": encode_gflop,
        "plain_decode_gflop": decode_gflop,
        "least_encode_ms": encode_gflop / gflops * 1000,
        "least_plain_decode_ms": decode_gflop / gflops * 1000,
    }


def best_ms(steps: "tuple[Callable[[], object], ...]") -> list[float]:
    """Time each step, turn by turn; the first round warms up and does not count. The best of each: load only adds."""
    rounds = [[_time_ms(step) for step in steps] for _ in range(ROUNDS + 1)][1:]
    return [float(best) for best in np.min(np.array(rounds), axis=0)]


def noise(samples: int) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Sound to code; its content has no part in the time."""
    return (np.random.default_rng(0).standard_normal(samples) * 0.1).astype(np.float32)


def _factors(codec: Codec, samples: int, streams: int) -> dict[str, float]:
    sound = noise(samples)
    codes = codec.encode(sound, streams)
    encode_ms, decode_ms = best_ms((lambda: codec.encode(sound, streams), lambda: codec.decode(codes)))
    audio_ms = samples * 1000 / RATE
    return {"encode": encode_ms / audio_ms, "decode": decode_ms / audio_ms}


def _time_ms(step: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    step()
    return (time.perf_counter() - start_s) * 1000
