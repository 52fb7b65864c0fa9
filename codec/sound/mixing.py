"""Several channels mixed to one: by the weights of ITU-R BS.775 where it is known which channel stands where.

Stereo becomes the mean of both channels. With a centre, BS.775's weights hold as they are (centre 1, left and right
−3 dB, surround −6 dB, no LFE), so that speech in the centre keeps its level; where such a mix would clip, it becomes
softer by as much as that takes, and stays so. Channels of unknown places are averaged.
"""

import numpy as np
import numpy.typing as npt

from codec.types import Audio, ChannelAudio

Layout = tuple[str, ...]
"""The places of channels, in ffmpeg's short names: FL, FR, FC, LFE, BL, BR, SL, SR, …"""

BS_775_WEIGHTS = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0, "LFE2": 0.0}
SURROUND_WEIGHT = 0.5

MASK_PLACES = ("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR")
"""The bits of a WAVE channel mask, lowest first; those above stand for places overhead."""
FLAC_LAYOUTS: tuple[Layout, ...] = (
    ("FL", "FR", "FC"),
    ("FL", "FR", "BL", "BR"),
    ("FL", "FR", "FC", "BL", "BR"),
    ("FL", "FR", "FC", "LFE", "BL", "BR"),
    ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
)
"""RFC 9639, section 9.1.3: three channels and more."""
OGG_LAYOUTS: tuple[Layout, ...] = (
    ("FL", "FC", "FR"),
    ("FL", "FR", "BL", "BR"),
    ("FL", "FC", "FR", "BL", "BR"),
    ("FL", "FC", "FR", "BL", "BR", "LFE"),
    ("FL", "FC", "FR", "SL", "SR", "BC", "LFE"),
    ("FL", "FC", "FR", "SL", "SR", "BL", "BR", "LFE"),
)
"""Vorbis I, section 4.3.9, and RFC 7845, section 5.1.1.2: three channels and more."""

CANCELLED = 0.1
"""A mix of less energy than this share of what unrelated channels would give has cancelled: −10 dB."""
AUDIBLE_RMS = 1e-3


def mask_layout(mask: int) -> Layout:
    """The places that a WAVE channel mask names, in the order of the channels."""
    places = (MASK_PLACES[bit] if bit < len(MASK_PLACES) else "T" for bit in range(18) if mask >> bit & 1)
    return tuple(places)


def counted_layout(layouts: tuple[Layout, ...], channels: int) -> Layout | None:
    """The layout of so many channels where their number tells it; None where it does not."""
    return next((layout for layout in layouts if len(layout) == channels), None)


def mixing_weights(channels: int, layout: Layout | None) -> Audio:
    """The weight of each channel in the mix."""
    if layout is None or len(layout) != channels or "FC" not in layout or channels == 1:
        return np.full(channels, 1 / channels, np.float32)
    return np.array([BS_775_WEIGHTS.get(place, SURROUND_WEIGHT) for place in layout], np.float32)


class Mixer:
    """Mixes blocks of sound `[channel, samples]` to `[1, samples]`.

    Channels that cancel each other are turned over from that block on, so that they add. `warnings` has what a
    person should know of the mix.
    """

    def __init__(self, channels: int, layout: Layout | None, rate: int) -> None:
        self._weights = mixing_weights(channels, layout)
        self._rate = rate
        self._gain = 1.0
        self._mixed_samples = 0
        self.warnings: list[str] = []

    def mix(self, block: ChannelAudio) -> ChannelAudio:
        """Mix the next block."""
        if len(block) == 1:
            return block
        mixed: Audio = self._weights @ block
        if self._cancels(block, mixed):
            mixed = self._turn_over(block)
        self._mixed_samples += block.shape[1]
        return self._within_full_scale(mixed)[None]

    def _cancels(self, block: ChannelAudio, mixed: Audio) -> bool:
        energies = _energies(block)
        unrelated = float(np.square(self._weights) @ energies)
        audible = float(energies.max()) > AUDIBLE_RMS**2 * block.shape[1]
        return audible and float(_energies(mixed[None])[0]) < CANCELLED * unrelated

    def _turn_over(self, block: ChannelAudio) -> Audio:
        """Turn over the channels that are opposite to the loudest one."""
        loudest = int(np.argmax(_energies(block) * np.abs(self._weights)))
        opposite = np.sign(self._weights) * (block @ block[loudest]) < 0
        if not self.warnings:
            time_s = self._mixed_samples / self._rate
            self.warnings.append(
                f"its channels cancel each other in the mix (one is the other's inverse): from {time_s:.2f} s on they "
                "are subtracted instead; compress --channels keep codes each by itself"
            )
        self._weights = np.where(opposite, -self._weights, self._weights)
        turned: Audio = self._weights @ block
        return turned

    def _within_full_scale(self, mixed: Audio) -> Audio:
        mixed = mixed * self._gain
        peak = float(np.abs(mixed).max(initial=0))
        if peak <= 1 or np.abs(self._weights).sum() <= 1 + 1e-6:
            return mixed
        if self._gain == 1:
            time_s = self._mixed_samples / self._rate
            self.warnings.append(f"the mix of its channels would clip: it is softer, as needed, from {time_s:.2f} s on")
        self._gain = self._gain / peak
        return mixed / peak


def _energies(block: ChannelAudio) -> npt.NDArray[np.float64]:
    energies: npt.NDArray[np.float64] = np.square(block, dtype=np.float64).sum(axis=1)
    return energies
