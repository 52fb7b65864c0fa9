"""The decoder's last two convolutions as one.

`PatchDeEmbed` spreads each patch to its bins with a 5×5 convolution to many channels, lays these out over the bins
and mixes neighbouring bins with a 3×3 convolution. Nothing between them is nonlinear, so together they are one small
7×7 convolution from patches to the bins of each patch. It is exact but for one thing: around the spectrum's edge the
3×3 convolution sees zeros where the folded one would see bins that do not exist. So patches at an edge have kernels of
their own, folded from a 3×3 convolution without the rows or columns that reach beyond that edge.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from codec.engine.tiles import cut, for_tiles
from codec.network.spectrum import PatchDeEmbed

TILE_COLUMNS = 64

REACH = 3
"""Patches that a bin depends on to each side of its own."""


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of the spectrum that a patch lies at, along one axis."""

    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring patches along one axis that lie at the same edges."""

    start: int
    stop: int
    edges: Edges


class FoldedDeEmbed:
    """`PatchDeEmbed`, folded: latent `[batch, frequency, time, channel]` → spectrum `[batch, 2, frequency, hop]`."""

    def __init__(self, de_embed: PatchDeEmbed, threads: int = 1) -> None:
        self._threads = threads
        self.patch = de_embed.patch
        self._de_embed = de_embed
        self._kernels: dict[tuple[Edges, Edges], tuple[Tensor, Tensor]] = {}

    def __call__(self, latent: Tensor) -> Tensor:
        """Spectrum of a latent."""
        batch, freq, time, _ = latent.shape
        padded = functional.pad(latent, (0, 0, REACH, REACH, REACH, REACH))
        bins = latent.new_empty(batch, freq, time, 2 * self.patch[0] * self.patch[1])

        def work(start: int, stop: int) -> None:
            for rows in spans(0, freq, freq):
                for columns in spans(start, stop, time):
                    here = self._convolve(padded, rows, columns)
                    bins[:, rows.start : rows.stop, columns.start : columns.stop] = here

        tiles = cut(time, TILE_COLUMNS) if latent.device.type == "cpu" else [(0, time)]
        for_tiles(work, tiles, self._threads)
        cells = bins.view(batch, freq, time, 2, *self.patch).permute(0, 3, 1, 4, 2, 5)
        return cells.reshape(batch, 2, freq * self.patch[0], time * self.patch[1])

    def _convolve(self, padded: Tensor, rows: Span, columns: Span) -> Tensor:
        kernel, bias = self._kernel(rows.edges, columns.edges)
        part = padded[:, rows.start : rows.stop + 2 * REACH, columns.start : columns.stop + 2 * REACH]
        return functional.conv2d(part.permute(0, 3, 1, 2), kernel, bias).permute(0, 2, 3, 1)

    def _kernel(self, rows: Edges, columns: Edges) -> tuple[Tensor, Tensor]:
        if (rows, columns) not in self._kernels:
            kernel, bias = fold(self._de_embed, rows, columns)
            self._kernels[rows, columns] = kernel.contiguous(memory_format=torch.channels_last), bias
        return self._kernels[rows, columns]


def spans(start: int, stop: int, length: int) -> list[Span]:
    """Cut the patches from `start` to `stop`, of `length` along an axis, into first, inner and last ones."""
    cuts = sorted({start, stop, min(max(1, start), stop), max(start, min(length - 1, stop))})
    return [Span(first, last, Edges(first == 0, last == length)) for first, last in pairwise(cuts)]


def fold(de_embed: PatchDeEmbed, rows: Edges, columns: Edges) -> tuple[Tensor, Tensor]:
    """Kernel `[2 · freq_patch · time_patch, channel, 7, 7]` and bias of the convolution that equals both.

    Differentiable in the weights of `de_embed`. `rows` and `columns` say which edges of the spectrum the patch
    lies at.
    """
    freq_patch, time_patch = de_embed.patch
    mix = de_embed.de_proj2.weight
    width = mix.shape[1]
    spread = de_embed.de_proj1.weight.view(freq_patch, time_patch, width, width, 5, 5)
    spread_bias = cast("Tensor", de_embed.de_proj1.bias).view(freq_patch, time_patch, width)
    kernels, biases = [], []
    for freq_bin in range(freq_patch):
        for time_bin in range(time_patch):
            kernel, bias = mix.new_zeros(len(mix), width, 7, 7), cast("Tensor", de_embed.de_proj2.bias)
            for down, row_tap, freq_phase in taps(freq_bin, freq_patch, rows):
                for right, column_tap, time_phase in taps(time_bin, time_patch, columns):
                    tap = mix[:, :, row_tap, column_tap]
                    moved = torch.einsum("oc,ckhw->okhw", tap, spread[freq_phase, time_phase])
                    kernel = kernel + functional.pad(moved, (1 + right, 1 - right, 1 + down, 1 - down))
                    bias = bias + tap @ spread_bias[freq_phase, time_phase]
            kernels.append(kernel)
            biases.append(bias)
    return torch.stack(kernels, 1).flatten(0, 1), torch.stack(biases, 1).flatten()


def taps(bin_in_patch: int, patch: int, edges: Edges) -> list[tuple[int, int, int]]:
    """For each tap of the 3×3 convolution along one axis: patches away, index of the tap, bin in the patch there.

    Taps that reach beyond an edge of the spectrum are left out.
    """
    found = [((bin_in_patch + tap - 1) // patch, tap, (bin_in_patch + tap - 1) % patch) for tap in range(3)]
    return [tap for tap in found if not (tap[0] < 0 and edges.first) and not (tap[0] > 0 and edges.last)]
