"""The receptive fields of encoder and decoder, in samples, computed from the configuration.

A span of patches is followed backwards through the network. Window attention widens it to whole windows, shifted ones
in every second block; quantizers to whole code frames; convolutions and the transform by their taps. The pattern
repeats every `alignment_samples`: sound cut there falls into the same windows as the whole.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codec.config import ModelConfig

LOOKBACK_SAMPLES = 2560
"""160 ms: with a short look-ahead, half of that gave the bundled model the PESQ and SI-SDR of the full field."""

CONVOLUTION_PATCHES = 2
"""Patches to each side that the 5×5 convolution reads; the 3×3 convolution after it reads one hop."""


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """How much context a stretch needs on both sides to be coded as within the whole. Lengths are samples.

    Stretches and the context before them begin at multiples of `alignment_samples`.
    """

    back_samples: int
    ahead_samples: int
    alignment_samples: int

    def cut(self, lookahead_samples: int | None) -> "ReceptiveField":
        """The field with at most so much look-ahead, in whole units of alignment: less delay, and less exact.

        Where that shortens it, the look-back is shortened too: more would cost work and improve nothing audible.
        """
        if lookahead_samples is None or lookahead_samples >= self.ahead_samples:
            return self
        ahead = lookahead_samples // self.alignment_samples * self.alignment_samples
        return ReceptiveField(min(self.back_samples, self.aligned(LOOKBACK_SAMPLES)), ahead, self.alignment_samples)

    def start_of_context(self, start: int) -> int:
        """The start of the context of a stretch that begins at `start`."""
        return max(0, self.aligned(start) - self.back_samples)

    def aligned(self, position: int) -> int:
        """The last multiple of the alignment up to `position`."""
        return position // self.alignment_samples * self.alignment_samples


NO_FIELD = ReceptiveField(0, 0, 1)
"""The field of chunks that are coded on their own."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Positions from `start` up to `stop`, in patches or hops."""

    start: int
    stop: int

    def whole(self, unit: int, offset: int = 0) -> "_Span":
        """Widened to whole units that begin at `offset`."""
        return _Span((self.start - offset) // unit * unit + offset, -((offset - self.stop) // unit) * unit + offset)

    def wider(self, amount: int) -> "_Span":
        return _Span(self.start - amount, self.stop + amount)

    def through_layers(self, config: "ModelConfig", layers: int) -> "_Span":
        """Followed backwards through the blocks of `layers` Swin layers, to whole code frames before each."""
        span = self
        for _ in range(layers):
            for block in reversed(range(config.swin_depth)):
                span = span.whole(config.window_size, config.window_size // 2 if block % 2 else 0)
            span = span.whole(config.overlap)
        return span


def alignment_samples(config: "ModelConfig") -> int:
    """Sound cut at multiples of this has windows, code frames and padding where the whole has them."""
    return math.lcm(config.window_size * config.patch_size[1], config.padding_hops) * config.hop_samples


def encoding_field(config: "ModelConfig") -> ReceptiveField:
    """The sound around a stretch that its codes depend on."""
    length = alignment_samples(config)
    patches = _Span(0, length // config.hop_samples // config.patch_size[1])
    decoder_layers, encoder_layers = config.max_streams - 2, config.max_streams
    span = patches.whole(config.overlap).through_layers(config, decoder_layers + encoder_layers)
    half_window = -(-config.window_samples // 2)
    first = span.start * config.patch_size[1] * config.hop_samples - half_window
    last = (span.stop * config.patch_size[1] - 1) * config.hop_samples + half_window
    return _aligned_field(-first, last - length, length)


def decoding_field(config: "ModelConfig") -> ReceptiveField:
    """The codes around a stretch that its sound depends on."""
    length = alignment_samples(config)
    overlapping = -(-config.window_samples // 2 // config.hop_samples)
    hops = _Span(-overlapping, length // config.hop_samples + overlapping).wider(1).whole(config.patch_size[1])
    patches = _Span(hops.start // config.patch_size[1], hops.stop // config.patch_size[1])
    span = patches.wider(CONVOLUTION_PATCHES).through_layers(config, config.max_streams)
    patch_samples = config.patch_size[1] * config.hop_samples
    return _aligned_field(-span.start * patch_samples, span.stop * patch_samples - length, length)


def _aligned_field(back: int, ahead: int, alignment: int) -> ReceptiveField:
    return ReceptiveField(-(-back // alignment) * alignment, -(-ahead // alignment) * alignment, alignment)
