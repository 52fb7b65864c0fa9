"""How far the network looks around what it codes: computed from the configuration, in samples.

Spans of patches are followed backwards through the network. Window attention widens a span to whole windows, shifted
ones in every second block; quantizers widen it to whole code frames; convolutions and the transform to their taps.
All of that repeats every `alignment_samples`: sound cut there falls into the same windows as the whole.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codec.config import ModelConfig

LOOKBACK_SAMPLES = 2560
"""160 ms: with ahead cut short, half of that gave the same PESQ and SI-SDR of the bundled model as its full reach."""

CONVOLUTION_PATCHES = 2
"""Patches to each side that the 5×5 convolution takes in; the 3×3 convolution after it takes in one hop."""


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What must be known around a stretch for it to come out as inside the whole. Lengths are samples.

    Stretches begin at multiples of `alignment_samples`, and so does the context before them.
    """

    back_samples: int
    ahead_samples: int
    alignment_samples: int

    def cut(self, lookahead_samples: int | None) -> "ReceptiveField":
        """The same with at most so much ahead, in whole units of alignment: nearer in time, and less exact.

        Where that is less than all, looking far back gains nothing either that is heard, and takes work.
        """
        if lookahead_samples is None or lookahead_samples >= self.ahead_samples:
            return self
        ahead = lookahead_samples // self.alignment_samples * self.alignment_samples
        return ReceptiveField(min(self.back_samples, self.aligned(LOOKBACK_SAMPLES)), ahead, self.alignment_samples)

    def start_of_context(self, start: int) -> int:
        """Where the context begins of a stretch that begins at `start`."""
        return max(0, self.aligned(start) - self.back_samples)

    def aligned(self, position: int) -> int:
        """The last multiple of the alignment up to `position`."""
        return position // self.alignment_samples * self.alignment_samples


NO_FIELD = ReceptiveField(0, 0, 1)
"""Of what is coded on its own."""


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
    """Where sound may be cut so that windows, code frames and padding fall as in the whole."""
    return math.lcm(config.window_size * config.patch_size[1], config.padding_hops) * config.hop_samples


def encoding_field(config: "ModelConfig") -> ReceptiveField:
    """What must be heard around a stretch so that its codes are those of the whole sound."""
    length = alignment_samples(config)
    patches = _Span(0, length // config.hop_samples // config.patch_size[1])
    decoder_layers, encoder_layers = config.max_streams - 2, config.max_streams
    span = patches.whole(config.overlap).through_layers(config, decoder_layers + encoder_layers)
    half_window = -(-config.window_samples // 2)
    first = span.start * config.patch_size[1] * config.hop_samples - half_window
    last = (span.stop * config.patch_size[1] - 1) * config.hop_samples + half_window
    return _reach(-first, last - length, length)


def decoding_field(config: "ModelConfig") -> ReceptiveField:
    """What codes must be known around a stretch so that its sound is that of the whole."""
    length = alignment_samples(config)
    overlapping = -(-config.window_samples // 2 // config.hop_samples)
    hops = _Span(-overlapping, length // config.hop_samples + overlapping).wider(1).whole(config.patch_size[1])
    patches = _Span(hops.start // config.patch_size[1], hops.stop // config.patch_size[1])
    span = patches.wider(CONVOLUTION_PATCHES).through_layers(config, config.max_streams)
    patch_samples = config.patch_size[1] * config.hop_samples
    return _reach(-span.start * patch_samples, span.stop * patch_samples - length, length)


def _reach(back: int, ahead: int, alignment: int) -> ReceptiveField:
    return ReceptiveField(-(-back // alignment) * alignment, -(-ahead // alignment) * alignment, alignment)
