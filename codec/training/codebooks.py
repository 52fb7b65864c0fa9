"""Codebooks: a start that fits the encoder, and new life for codewords that nobody uses.

The paper starts its codebooks at random after pre-training without quantization, and lets them be. With few steps,
most random codewords would never be chosen, and a codeword that is not chosen gets no gradient.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from codec.network.esc import ESC
from codec.network.quantize import Codebook, ProductQuantizer

KMEANS_ROUNDS = 10
VECTORS_PER_CODEWORD = 24
MAX_BATCHES = 64


@torch.no_grad()
def start_codebooks(network: ESC, batch: Callable[[int], Tensor], generator: torch.Generator) -> None:
    """Set all codebooks to the k-means of what they are to quantize, `batch(i)` being sound `[clips, samples]`.

    One stream after the other, since each quantizes what those before it left.
    """
    for stream, quantizer in enumerate(network.streams):
        wanted = VECTORS_PER_CODEWORD * network.config.codebook_size
        vectors: list[list[Tensor]] = [[] for _ in quantizer.books]
        with captured(quantizer) as projections:
            for number in range(MAX_BATCHES):
                network.code(network.spectrum.analyse(batch(number)), stream + 1)
                for found, projection in zip(vectors, projections, strict=True):
                    found.append(projection.pop())
                if sum(map(len, vectors[0])) >= wanted:
                    break
        for book, found in zip(quantizer.books, vectors, strict=True):
            book.embedding.weight.copy_(kmeans(torch.cat(found), book, generator))


@contextmanager
def captured(quantizer: ProductQuantizer) -> Iterator[list[list[Tensor]]]:
    """While open, each group's projections `[vector, width]` are appended to the group's list."""
    projections: list[list[Tensor]] = [[] for _ in quantizer.books]

    def keep(found: list[Tensor]) -> Callable[[object, object, Tensor], None]:
        return lambda _module, _inputs, output: found.append(output.detach().float().flatten(0, 1))

    handles = [
        down.register_forward_hook(keep(found)) for down, found in zip(quantizer.down_projs, projections, strict=True)
    ]
    try:
        yield projections
    finally:
        for handle in handles:
            handle.remove()


def kmeans(vectors: Tensor, book: Codebook, generator: torch.Generator) -> Tensor:
    """As many centres of `vectors` as `book` has codewords, by the book's own distance."""
    size = book.embedding.num_embeddings
    length = vectors.norm(dim=-1).mean()
    points = functional.normalize(vectors, dim=-1) if book.l2norm else vectors
    centres = points[pick(len(points), size, generator).to(points.device)].clone()
    for _ in range(KMEANS_ROUNDS):
        nearest = ((points @ centres.t()) - centres.square().sum(-1) / 2).argmax(-1)
        counts = torch.bincount(nearest, minlength=size)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        spare = points[pick(len(points), size, generator).to(points.device)]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), spare)
        centres = functional.normalize(centres, dim=-1) if book.l2norm else centres
    return centres * length if book.l2norm else centres


def pick(available: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` indices below `available`, without repetition where there are enough."""
    if available >= count:
        return torch.randperm(available, generator=generator)[:count]
    return torch.randint(available, (count,), generator=generator)


@dataclass(frozen=True, slots=True)
class BookUse:
    """How one codebook was used since the last check."""

    share: float
    """Codewords that were chosen often enough to live."""
    perplexity: float
    """How many codewords, used evenly, would carry as much."""


class CodebookUse:
    """Counts codes and revives dead codewords."""

    def __init__(self, network: ESC) -> None:
        config = network.config
        self._network = network
        self.counts = torch.zeros(config.max_streams, config.group_size, config.codebook_size, dtype=torch.int64)
        """How often each code was chosen since the last check, `[stream, group, code]`; part of a checkpoint."""

    def add(self, codes: list[Tensor]) -> None:
        """Count the codes int64 `[batch, group, frame]` of each stream."""
        for stream, part in enumerate(codes):
            for group, chosen in enumerate(part.unbind(1)):
                counts = torch.bincount(chosen.flatten(), minlength=self.counts.shape[-1])
                self.counts[stream, group] += counts.cpu()

    @torch.no_grad()
    def revive(
        self, sound: Tensor, dead_share: float, optimiser: Optimizer, generator: torch.Generator
    ) -> list[BookUse]:
        """Move dead codewords onto what their quantizers now see in `sound` `[clips, samples]`; start counting anew.

        A codeword is dead below `dead_share` of evenly spread use. Its optimiser state is cleared with it.
        """
        uses = []
        for stream, (quantizer, counts) in enumerate(zip(self._network.streams, self.counts, strict=True)):
            with captured(quantizer) as projections:
                self._network.code(self._network.spectrum.analyse(sound), stream + 1)
            for book, found, count in zip(quantizer.books, projections, counts, strict=True):
                dead = (count <= dead_share * count.sum() / len(count)).nonzero().flatten()
                uses.append(BookUse(1 - len(dead) / len(count), perplexity(count)))
                if count.any() and len(dead):
                    self._move(book, dead, found[0], optimiser, generator)
        self.counts.zero_()
        return uses

    @staticmethod
    def _move(book: Codebook, dead: Tensor, vectors: Tensor, optimiser: Optimizer, generator: torch.Generator) -> None:
        weight = book.embedding.weight
        weight[dead] = vectors[pick(len(vectors), len(dead), generator).to(vectors.device)].to(weight.dtype)
        for value in optimiser.state.get(weight, {}).values():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                value[dead] = 0


def perplexity(counts: Tensor) -> float:
    """The exponential of the entropy of code counts; 1 where all codes are the same one."""
    shares = counts[counts > 0] / counts.sum().clamp(min=1)
    return float((-(shares * shares.log()).sum()).exp())
