"""Product vector quantization of latents `[batch, frequency, time, channel]`.

The patches of `overlap` neighbouring times make one vector, ordered time, channel, frequency. It is split into
groups; each group is projected to few dimensions and looked up in its own codebook.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, eq=False)
class Quantized:
    """A latent after quantization."""

    latent: Tensor
    """`[batch, frequency, time, channel]`; gradients pass straight through to the latent that was quantized."""
    codes: Tensor | None
    """int64 `[batch, group, frame]`; None where quantization was left out."""
    commitment_loss: Tensor
    """Mean squared distance of the projections to their code vectors, gradient to the projections."""
    codebook_loss: Tensor
    """The same distance, gradient to the code vectors."""


class Codebook(nn.Module):
    """Code vectors, looked up by cosine distance (`l2norm`) or by Euclidean distance."""

    def __init__(self, size: int, width: int, l2norm: bool) -> None:
        super().__init__()
        self.l2norm = l2norm
        self.embedding = nn.Embedding(size, width, _weight=torch.empty(size, width))
        if not self.embedding.weight.is_meta:
            nn.init.kaiming_normal_(self.embedding.weight)

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """Code int64 `[…]` of the nearest code vector for each vector `[…, width]`."""
        book: Tensor = self.embedding.weight
        if self.l2norm:
            book, vectors = functional.normalize(book, dim=-1), functional.normalize(vectors, dim=-1)
        products = vectors @ book.t()
        distances = vectors.pow(2).sum(-1, keepdim=True) - 2 * products + book.pow(2).sum(-1)
        return distances.argmin(-1)


class ProductQuantizer(nn.Module):
    """One stream's quantizer: `groups` codebooks side by side."""

    def __init__(
        self, width: int, freq: int, *, overlap: int, groups: int, book_size: int, book_width: int, l2norm: bool
    ) -> None:
        super().__init__()
        self.freq = freq
        self.overlap = overlap
        self.group_widths = split_evenly(width * freq * overlap, groups)
        self.vqs = nn.ModuleList(Codebook(book_size, book_width, l2norm) for _ in self.group_widths)
        self.down_projs = nn.ModuleList(nn.Linear(part, book_width, bias=False) for part in self.group_widths)
        self.up_projs = nn.ModuleList(nn.Linear(book_width, part, bias=False) for part in self.group_widths)

    def forward(self, latent: Tensor, freeze: bool = False) -> Quantized:
        """Quantize with gradients; `freeze` passes the projections on unquantized, as at the start of training."""
        projections = self._project(latent)
        if freeze:
            none = latent.new_zeros(())
            return Quantized(self._expand(projections), None, none, none)
        codes = self._nearest(projections)
        chosen = self._look_up(codes)
        pairs = list(zip(projections, chosen, strict=True))
        commitment = torch.stack([functional.mse_loss(part, vector.detach()) for part, vector in pairs]).mean()
        codebook = torch.stack([functional.mse_loss(vector, part.detach()) for part, vector in pairs]).mean()
        passed = [part + (vector - part).detach() for part, vector in pairs]
        return Quantized(self._expand(passed), torch.stack(codes, 1), commitment, codebook)

    def encode(self, latent: Tensor) -> Tensor:
        """Codes int64 `[batch, group, frame]` of a latent."""
        return torch.stack(self._nearest(self._project(latent)), 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Latent `[batch, frequency, time, channel]` of codes `[batch, group, frame]`."""
        return self._expand(self._look_up(list(codes.unbind(1))))

    @property
    def books(self) -> list[Codebook]:
        """The codebooks, one a group."""
        return cast("list[Codebook]", list(self.vqs))

    def _nearest(self, projections: list[Tensor]) -> list[Tensor]:
        return [book.nearest(part) for book, part in zip(self.books, projections, strict=True)]

    def _project(self, latent: Tensor) -> list[Tensor]:
        parts = torch.split(to_vectors(latent, self.overlap), self.group_widths, -1)
        return [down(part) for down, part in zip(self.down_projs, parts, strict=True)]

    def _look_up(self, codes: list[Tensor]) -> list[Tensor]:
        return [book.embedding(code) for book, code in zip(self.books, codes, strict=True)]

    def _expand(self, vectors: list[Tensor]) -> Tensor:
        parts = [up(vector) for up, vector in zip(self.up_projs, vectors, strict=True)]
        return from_vectors(torch.cat(parts, -1), self.freq, self.overlap)


def split_evenly(width: int, parts: int) -> list[int]:
    """Sizes of `parts` equal parts of `width`; the last takes the remainder."""
    return [width // parts] * (parts - 1) + [width - width // parts * (parts - 1)]


def to_vectors(latent: Tensor, overlap: int) -> Tensor:
    """Vectors `[batch, frame, overlap · channel · frequency]` of a latent."""
    batch, freq, time, width = latent.shape
    return latent.permute(0, 2, 3, 1).reshape(batch, time // overlap, overlap * width * freq)


def from_vectors(vectors: Tensor, freq: int, overlap: int) -> Tensor:
    """Undo `to_vectors`."""
    batch, frames, _ = vectors.shape
    return vectors.view(batch, frames * overlap, -1, freq).permute(0, 3, 1, 2)
