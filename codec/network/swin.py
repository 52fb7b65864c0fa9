"""Swin transformer layers over latents `[batch, frequency, time, channel]`.

Attention runs inside square windows of patches; every second block works on windows shifted by half their size.
Latents are padded with zeros, below and to the right, to whole windows, and the padding is attended to: the
published networks were trained so.
"""

from typing import Literal

import torch
from torch import Tensor, nn

ACROSS_REGIONS = -100.0
"""Added to the attention between patches that only the cyclic shift made neighbours."""

Scaling = Literal["down", "up"]


class WindowAttention(nn.Module):
    """Multi-head attention inside windows, with a learnt bias for each relative position."""

    relative_position_index: Tensor

    def __init__(self, width: int, window: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_positions(window))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        if not self.relative_position_bias_table.is_meta:
            nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def position_bias(self) -> Tensor:
        """The bias `[head, patch, patch]` of each pair of patches in a window."""
        patches = self.relative_position_index.shape[0]
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        return bias.view(patches, patches, self.heads).permute(2, 0, 1)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Attend inside windows `[batch · window, patch, channel]`; `mask` is `[window, patch, patch]`."""
        count, patches, width = windows.shape
        qkv: Tensor = self.qkv(windows)
        split = qkv.view(count, patches, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        scores = (query * self.scale) @ key.transpose(-2, -1) + self.position_bias()
        if mask is not None:
            by_window = scores.view(-1, mask.shape[0], self.heads, patches, patches) + mask[:, None]
            scores = by_window.view(scores.shape)
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(count, patches, width)
        attended: Tensor = self.proj(mixed)
        return attended


class FeedForward(nn.Module):
    """The two-layer perceptron of a Swin block."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width, hidden)
        self.linear_2 = nn.Linear(hidden, width)

    def forward(self, latent: Tensor) -> Tensor:
        """Map each vector by itself."""
        mapped: Tensor = self.linear_2(nn.functional.gelu(self.linear_1(latent)))
        return mapped


class SwinBlock(nn.Module):
    """Window attention and perceptron, each normalised before and added to what came in."""

    def __init__(self, width: int, heads: int, window: int, shift: int, mlp_ratio: float) -> None:
        super().__init__()
        self.window = window
        self.shift = shift
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, window, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width, int(width * mlp_ratio))

    def forward(self, latent: Tensor, mask: Tensor) -> Tensor:
        """Map a latent; `mask` belongs to its shape (`shift_mask`)."""
        _, freq, time, _ = latent.shape
        normed: Tensor = self.norm1(latent)
        padded = nn.functional.pad(normed, (0, 0, 0, -time % self.window, 0, -freq % self.window))
        if self.shift:
            rolled = torch.roll(padded, (-self.shift, -self.shift), (1, 2))
            attended = self._attend(rolled, mask)
            attended = torch.roll(attended, (self.shift, self.shift), (1, 2))
        else:
            attended = self._attend(padded, None)
        latent = latent + attended[:, :freq, :time]
        mapped: Tensor = latent + self.mlp(self.norm2(latent))
        return mapped

    def _attend(self, latent: Tensor, mask: Tensor | None) -> Tensor:
        return from_windows(self.attn(to_windows(latent, self.window), mask), self.window, latent.shape)


class Merge(nn.Module):
    """Joins pairs of patches along frequency: half the patches."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2 * width)
        self.down = nn.Linear(2 * width, out_width, bias=False)

    def forward(self, latent: Tensor) -> Tensor:
        """`[batch, frequency, time, channel]` → `[batch, frequency / 2, time, out channel]`."""
        batch, freq, time, width = latent.shape
        pairs = latent.view(batch, freq // 2, 2, time, width).transpose(2, 3)
        merged: Tensor = self.down(self.norm(pairs.reshape(batch, freq // 2, time, 2 * width)))
        return merged


class Split(nn.Module):
    """Splits each patch into two along frequency."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * out_width, bias=False)

    def forward(self, latent: Tensor) -> Tensor:
        """`[batch, frequency, time, channel]` → `[batch, 2 · frequency, time, out channel]`."""
        batch, freq, time, _ = latent.shape
        pairs: Tensor = self.up(self.norm(latent))
        return pairs.view(batch, freq, time, 2, -1).transpose(2, 3).reshape(batch, 2 * freq, time, -1)


class SwinLayer(nn.Module):
    """A stack of Swin blocks, then a change of scale where `scaling` asks for one."""

    def __init__(
        self,
        width: int,
        out_width: int,
        heads: int,
        *,
        depth: int,
        window: int,
        mlp_ratio: float,
        scaling: Scaling | None = None,
    ) -> None:
        super().__init__()
        self.window = window
        shifts = [0 if index % 2 == 0 else window // 2 for index in range(depth)]
        self.swint_blocks = nn.ModuleList(SwinBlock(width, heads, window, shift, mlp_ratio) for shift in shifts)
        self.subsample: Merge | Split | None = None
        if scaling is not None:
            self.subsample = (Merge if scaling == "down" else Split)(width, out_width)

    def forward(self, latent: Tensor) -> Tensor:
        """Map a latent `[batch, frequency, time, channel]` and change its scale."""
        mask = shift_mask(latent.shape[1], latent.shape[2], self.window).to(latent)
        for block in self.swint_blocks:
            latent = block(latent, mask)
        return latent if self.subsample is None else self.subsample(latent)


def relative_positions(window: int) -> Tensor:
    """Row of the bias table for each pair of patches of a window, int64 `[patch, patch]`, always computed on the CPU.

    On the meta device this arithmetic, and random draws likewise, would load torch's compiler: seconds for nothing.
    """
    steps = torch.arange(window, device="cpu")
    rows, columns = steps.repeat_interleave(window), steps.repeat(window)
    row_offsets = rows[:, None] - rows[None, :] + window - 1
    column_offsets = columns[:, None] - columns[None, :] + window - 1
    return row_offsets * (2 * window - 1) + column_offsets


def shift_mask(freq: int, time: int, window: int) -> Tensor:
    """What shifted windows add to their attention, `[window, patch, patch]`, for a latent of `freq` × `time`."""
    shift = window // 2
    spans = (slice(0, -window), slice(-window, -shift), slice(-shift, None)) if shift else (slice(None),)
    rows, columns = freq + -freq % window, time + -time % window
    regions = torch.zeros(1, rows, columns, 1)
    for row_region, row_span in enumerate(spans):
        for column_region, column_span in enumerate(spans):
            regions[:, row_span, column_span] = row_region * len(spans) + column_region
    by_window = to_windows(regions, window).squeeze(-1)
    return (by_window[:, None, :] != by_window[:, :, None]) * ACROSS_REGIONS


def to_windows(latent: Tensor, window: int) -> Tensor:
    """Cut `[batch, frequency, time, channel]` into windows `[batch · window, patch, channel]`."""
    batch, freq, time, width = latent.shape
    grid = latent.view(batch, freq // window, window, time // window, window, width)
    return grid.transpose(2, 3).reshape(-1, window * window, width)


def from_windows(windows: Tensor, window: int, shape: torch.Size) -> Tensor:
    """Undo `to_windows` for a latent of `shape`."""
    batch, freq, time, width = shape
    grid = windows.view(batch, freq // window, time // window, window, window, width)
    return grid.transpose(2, 3).reshape(shape)
