"""The ESC network made fast: the results of `codec.network`, with less work.

Constants (position biases, shift masks, normalised codebooks, gathers) are built once; tokens stay in window order
(`codec.grids`); residuals are added by the matrix products; the last two convolutions are one (`codec.folding`).
"""

import copy
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.config import ModelConfig
from codec.engine.folding import FoldedDeEmbed
from codec.engine.tiles import for_tiles
from codec.engine.token_layout import PLAIN, SHIFTED, Layout, Tile, layout, masks, tiles_of, window_positions
from codec.network.esc import ESC
from codec.network.quantize import ProductQuantizer
from codec.network.spectrum import PatchEmbed
from codec.network.swin import Merge, Split, SwinBlock, SwinLayer, WindowAttention

LANES = 8
"""Matrix products are fast where their width is a multiple of this: weights are padded with zeros to it."""


class FastAttention:
    """Window attention on tokens in window order."""

    def __init__(self, attention: WindowAttention, freq: int, shifted: bool) -> None:
        self.window = int(attention.relative_position_index.shape[0] ** 0.5)
        self.heads = attention.heads
        self.rows = min(freq, self.window)
        width = attention.proj.weight.shape[0]
        self.head_width = padded_head_width(self.heads, width // self.heads)
        scale = attention.qkv.bias.new_tensor([attention.scale, 1.0, 1.0])[:, None, None]
        self.qkv_weight = self._pad_heads(attention.qkv.weight, scale).t().contiguous()
        self.qkv_bias = self._pad_heads(attention.qkv.bias[:, None], scale).flatten()
        heads = attention.proj.weight.view(width, self.heads, -1)
        self.proj_weight = self._pad(heads, 2).flatten(1).t().contiguous()
        self.proj_bias = attention.proj.bias
        self.bias, self.last_bias = self._biases(attention.position_bias(), freq, shifted)

    def _pad_heads(self, rows: Tensor, scale: Tensor) -> Tensor:
        """Rows of queries, keys and values, head by head, each head padded with zeros to `head_width` rows."""
        heads = rows.view(3, self.heads, -1, rows.shape[1]) * scale[..., None]
        return self._pad(heads, 2).flatten(0, 2)

    def _pad(self, heads: Tensor, dim: int) -> Tensor:
        missing = list(heads.shape)
        missing[dim] = self.head_width - missing[dim]
        return torch.cat([heads, heads.new_zeros(missing)], dim)

    def _biases(self, position_bias: Tensor, freq: int, shifted: bool) -> tuple[Tensor, Tensor]:
        """Added to the scores, `[window along frequency, head, query, key]`: elsewhere, and at the end of time."""
        order = torch.tensor(window_positions(freq, self.window, shifted), device=position_bias.device)
        queries = order[: self.rows * self.window]

        def arrange(bias: Tensor) -> Tensor:
            return bias[..., queries[:, None], order[None, :]].contiguous()

        if not shifted:
            bias = arrange(position_bias[None])
            return bias, bias
        elsewhere, last = (mask.to(position_bias)[:, None] for mask in masks(freq, self.window))
        return arrange(position_bias + elsewhere), arrange(position_bias + last)

    def __call__(self, normed: Tensor, tile: Tile) -> Tensor:
        """What attention gives for each token, heads side by side, before the projection."""
        queries, keys, width = self.rows * self.window, self.window * self.window, self.head_width
        qkv = torch.addmm(self.qkv_bias, normed, self.qkv_weight).view(-1, queries, 3 * self.heads * width)
        if queries < keys:
            missing = self.qkv_bias.expand(len(qkv), keys - queries, len(self.qkv_bias))
            qkv = torch.cat([qkv, missing], 1)
        parts = qkv.view(-1, keys, 3, self.heads, width).permute(2, 0, 3, 1, 4)
        query, key, value = parts.reshape(3, -1, keys, width).unbind(0)
        scores = torch.bmm(query[:, :queries], key.transpose(1, 2))
        self._add_bias(scores.view(tile.columns, -1, self.heads, queries, keys), tile)
        mixed = torch.bmm(scores.softmax(-1), value)
        return mixed.view(-1, self.heads, queries, width).transpose(1, 2).reshape(len(normed), -1)

    def _add_bias(self, scores: Tensor, tile: Tile) -> None:
        start = 0
        for last in tile.last_columns:
            scores[start:last].add_(self.bias)
            scores[last].add_(self.last_bias)
            start = last + 1
        scores[start:].add_(self.bias)


class FastBlock:
    """A Swin block on tokens in its own window order."""

    def __init__(self, block: SwinBlock, freq: int) -> None:
        self.shifted = block.shift > 0
        self.norm1, self.norm2 = Norm(block.norm1), Norm(block.norm2)
        self.attention = FastAttention(block.attn, freq, self.shifted)
        hidden = len(block.mlp.linear_1.bias)
        more = -hidden % LANES
        self.in_weight = functional.pad(block.mlp.linear_1.weight.t(), (0, more)).contiguous()
        self.in_bias = functional.pad(block.mlp.linear_1.bias, (0, more))
        self.out_weight = functional.pad(block.mlp.linear_2.weight.t(), (0, 0, 0, more)).contiguous()
        self.out_bias = block.mlp.linear_2.bias
        matrices = (self.attention.qkv_weight, self.attention.proj_weight, self.in_weight, self.out_weight)
        self.products = sum(matrix.numel() for matrix in matrices)

    def __call__(self, tokens: Tensor, tile: Tile, mapped: Tensor) -> None:
        """Map the tokens of a tile into `mapped`; leaves those that came in as they were."""
        attention = self.attention
        normed = self.norm1(tokens)
        if tile.padding is not None:
            normed.index_fill_(0, tile.padding, 0.0)
        attended = attention(normed, tile)
        tokens = (tokens + attention.proj_bias).addmm_(attended, attention.proj_weight)
        hidden = torch.addmm(self.in_bias, self.norm2(tokens), self.in_weight)
        torch.addmm(tokens.add_(self.out_bias), torch.ops.aten.gelu_(hidden), self.out_weight, out=mapped)


class Norm:
    """Layer normalisation over channels."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        self.shape = tuple(norm.normalized_shape)
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def __call__(self, tokens: Tensor) -> Tensor:
        """Normalise each token."""
        return functional.layer_norm(tokens, self.shape, self.weight, self.bias, self.eps)


class FastLayer:
    """A Swin layer: PLAIN tokens at one scale → PLAIN tokens at the next."""

    def __init__(self, layer: SwinLayer, freq: int, threads: int) -> None:
        self.freq = freq
        self.window = layer.window
        self.threads = threads
        self.blocks = [FastBlock(cast("SwinBlock", block), freq) for block in layer.swint_blocks]
        self.ends_shifted = self.blocks[-1].shifted
        self.subsample = layer.subsample
        if self.subsample is not None:
            self.norm = Norm(self.subsample.norm)
            linear = self.subsample.down if isinstance(self.subsample, Merge) else self.subsample.up
            self.weight = linear.weight.t().contiguous()

    def __call__(self, tokens: Tensor, batch: int, time: int) -> Tensor:
        """Map the tokens of a latent of `batch` items and `time` patches, and change their scale."""
        places = self.places(batch, time, tokens)
        tokens = self.blocks_only(tokens, places)
        if isinstance(self.subsample, Merge):
            return self._merge(tokens, places.to_pairs(self.ends_shifted))
        if isinstance(self.subsample, Split):
            return self._split(tokens, places.to_halves(self.ends_shifted))
        return tokens.index_select(0, places.to_plain) if self.ends_shifted else tokens

    def blocks_only(self, tokens: Tensor, places: Layout) -> Tensor:
        """Run the blocks; tokens leave in the order of the last one."""
        order = PLAIN
        for block in self.blocks:
            gather = None
            if block.shifted != order:
                order = block.shifted
                gather = places.to_shifted if order == SHIFTED else places.to_plain
            tokens = self._run(block, tokens, places, gather)
        return tokens

    def places(self, batch: int, time: int, tokens: Tensor) -> Layout:
        """The layout of this layer's input."""
        return layout(batch, self.freq, time, self.window, str(tokens.device))

    def _run(self, block: FastBlock, tokens: Tensor, places: Layout, gather: Tensor | None) -> Tensor:
        mapped = torch.empty_like(tokens)

        def work(start: int, stop: int) -> None:
            tile = places.tile(block.shifted, start, stop)
            taken = tokens[tile.tokens] if gather is None else tokens.index_select(0, gather[tile.tokens])
            block(taken, tile, mapped[tile.tokens])

        for_tiles(work, places.tiles(block.products), self.threads)
        return mapped

    def _merge(self, tokens: Tensor, pairs: Tensor) -> Tensor:
        merged = tokens.new_empty(len(pairs) // 2, self.weight.shape[1])

        def work(start: int, stop: int) -> None:
            taken = tokens.index_select(0, pairs[2 * start : 2 * stop]).view(stop - start, -1)
            torch.mm(self.norm(taken), self.weight, out=merged[start:stop])

        for_tiles(work, self._tiles(merged), self.threads)
        return merged

    def _split(self, tokens: Tensor, halves: Tensor) -> Tensor:
        split = tokens.new_empty(len(tokens), self.weight.shape[1])

        def work(start: int, stop: int) -> None:
            torch.mm(self.norm(tokens[start:stop]), self.weight, out=split[start:stop])

        for_tiles(work, self._tiles(split), self.threads)
        return split.view(2 * len(tokens), -1).index_select(0, halves)

    def _tiles(self, tokens: Tensor) -> list[tuple[int, int]]:
        return tiles_of(len(tokens), 1, self.weight.numel(), tokens.device.type)


def padded_head_width(heads: int, width: int) -> int:
    """The width, from that of a head on, at which queries, keys and values of all heads fill whole lanes."""
    while 3 * heads * width % LANES:
        width += 1
    return width


class FastEmbed:
    """Spectrum → PLAIN tokens of the finest scale."""

    def __init__(self, embed: PatchEmbed, config: ModelConfig) -> None:
        self.patch = config.patch_size
        self.window = config.window_size
        self.weight = embed.proj.weight.flatten(1).t().contiguous()
        self.bias = cast("Tensor", embed.proj.bias)
        self.norm = Norm(embed.norm)

    def __call__(self, spectrum: Tensor) -> Tensor:
        """Tokens of a spectrum `[batch, 2, frequency, hop]`."""
        batch, parts, bins, hops = spectrum.shape
        freq, time = bins // self.patch[0], hops // self.patch[1]
        cut = spectrum.reshape(batch, parts, freq, self.patch[0], time, self.patch[1])
        patches = cut.permute(0, 2, 4, 1, 3, 5).reshape(batch * freq * time, -1)
        places = layout(batch, freq, time, self.window, str(spectrum.device))
        ordered = patches.index_select(0, places.from_patches)
        return self.norm(torch.addmm(self.bias, ordered, self.weight))


class FastQuantizer:
    """One stream's quantizer on PLAIN tokens: all groups in one product each way."""

    def __init__(self, quantizer: ProductQuantizer, window: int) -> None:
        self.freq, self.overlap, self.window = quantizer.freq, quantizer.overlap, window
        self.l2norm = quantizer.books[0].l2norm
        down = block_diagonal([cast("Tensor", proj.weight) for proj in quantizer.down_projs])
        up = block_diagonal([cast("Tensor", proj.weight) for proj in quantizer.up_projs])
        self.down = self._by_patch(down).t().contiguous()
        self.up = self._by_patch(up.t()).contiguous()
        self.vectors = torch.stack([book.embedding.weight for book in quantizer.books])
        books = functional.normalize(self.vectors, dim=-1) if self.l2norm else self.vectors
        self.books = books.transpose(1, 2).contiguous()
        self.square_norms = books.square().sum(-1)[:, None]

    def _by_patch(self, rows: Tensor) -> Tensor:
        """Columns from the order overlap, channel, frequency to the order overlap, frequency, channel."""
        cells = rows.view(len(rows), self.overlap, -1, self.freq)
        return cells.transpose(2, 3).reshape(len(rows), -1)

    def encode(self, tokens: Tensor, batch: int, time: int) -> Tensor:
        """Codes int64 `[batch · frame, group]` of PLAIN tokens."""
        places = layout(batch, self.freq, time, self.window, str(tokens.device))
        vectors = tokens.index_select(0, places.to_frames).view(-1, len(self.down))
        parts = torch.mm(vectors, self.down).view(len(vectors), len(self.books), -1).transpose(0, 1)
        if self.l2norm:
            parts = functional.normalize(parts, dim=-1)
        distances = torch.bmm(parts, self.books).mul_(-2.0)
        distances.add_(parts.square().sum(-1, keepdim=True)).add_(self.square_norms)
        return distances.argmin(-1).t()

    def decode(self, codes: Tensor, batch: int, time: int, kept: Tensor | None = None) -> Tensor:
        """PLAIN tokens of codes `[batch · frame, group]`, zeros for frames that are not `kept`."""
        places = layout(batch, self.freq, time, self.window, str(codes.device))
        groups = torch.arange(len(self.vectors), device=codes.device)
        parts = self.vectors[groups, codes].flatten(1)
        if kept is not None:
            parts = parts * kept[:, None]
        patches = torch.mm(parts, self.up).view(batch * time * self.freq, -1)
        return patches.index_select(0, places.from_frames)


class FastESC:
    """The whole codec, computed fast. Sound is `[batch, samples]`, codes int64 `[batch, stream, group, frame]`."""

    def __init__(self, network: ESC, threads: int = 1, precision: torch.dtype = torch.float32) -> None:
        config = self.config = network.config
        self.spectrum = network.spectrum
        self.precision = precision
        if precision != torch.float32:
            network = copy.deepcopy(network).to(precision)
        self.embed = FastEmbed(network.encoder.patch_embed, config)
        freqs = [config.freq_patches >> scale for scale in range(config.max_streams)]
        self.pre_layer = FastLayer(network.encoder.pre_nn, freqs[0], threads)
        self.encoder_layers = list(fast_layers(network.encoder.blocks, freqs[:-1], threads))
        self.decoder_layers = list(fast_layers(network.decoder.blocks, freqs[:0:-1], threads))
        self.post_layer = FastLayer(network.decoder.post_nn, freqs[0], threads)
        self.quantizers = [FastQuantizer(stream, config.window_size) for stream in network.streams]
        self.de_embed = FoldedDeEmbed(network.decoder.patch_deembed, threads)

    def encode(self, audio: Tensor, num_streams: int) -> Tensor:
        """Codes of the first `num_streams` streams; runs only the decoder layers that they need."""
        spectrum = self.spectrum.analyse(audio).to(self.precision)
        batch, time = len(audio), spectrum.shape[-1] // self.config.patch_size[1]
        latents = [self.pre_layer(self.embed(spectrum), batch, time)]
        for layer in self.encoder_layers:
            latents.append(layer(latents[-1], batch, time))
        codes = [self.quantizers[0].encode(latents[-1], batch, time)]
        if num_streams > 1:
            latent = self.quantizers[0].decode(codes[0], batch, time)
        for index, quantizer in enumerate(self.quantizers[1:num_streams]):
            codes.append(quantizer.encode(latents[-1 - index] - latent, batch, time))
            if index + 2 < num_streams:
                refined = quantizer.decode(codes[-1], batch, time).add_(latent)
                latent = self.decoder_layers[index](refined, batch, time)
        return torch.stack(codes, 1).view(batch, -1, num_streams, self.config.group_size).permute(0, 2, 3, 1)

    def decode(self, codes: Tensor, present: Tensor | None = None) -> Tensor:
        """Sound `[batch, (hops − 1) · hop]` of codes of any number of streams, of `present` ones in each frame."""
        return self.spectrum.synthesise(self.decode_spectrum(codes, present))

    def decode_spectrum(self, codes: Tensor, present: Tensor | None = None) -> Tensor:
        """Spectrum `[batch, 2, frequency, hop]` of codes of any number of streams, of `present` ones in each frame."""
        batch, num_streams, groups, frames = codes.shape
        time = frames * self.config.overlap
        streams = codes.permute(1, 0, 3, 2).reshape(num_streams, batch * frames, groups)
        latent = self.quantizers[0].decode(streams[0], batch, time)
        for index, layer in enumerate(self.decoder_layers):
            if index + 1 < num_streams:
                kept = None if present is None else (present > index + 1).repeat(batch)
                latent = self.quantizers[index + 1].decode(streams[index + 1], batch, time, kept).add_(latent)
            latent = layer(latent, batch, time)
        return self._finish(latent, batch, time).float()

    def _finish(self, tokens: Tensor, batch: int, time: int) -> Tensor:
        layer = self.post_layer
        places = layer.places(batch, time, tokens)
        tokens = layer.blocks_only(tokens, places)
        patches = tokens.index_select(0, places.to_patches(layer.ends_shifted))
        return self.de_embed(patches.view(batch, layer.freq, time, -1))


def block_diagonal(blocks: list[Tensor]) -> Tensor:
    """One matrix with these along its diagonal and zeros elsewhere."""
    joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return joined


def fast_layers(layers: nn.ModuleList, freqs: list[int], threads: int) -> Iterator[FastLayer]:
    """A fast layer for each plain one, with the frequency patches that go into it."""
    return (FastLayer(cast("SwinLayer", layer), freq, threads) for layer, freq in zip(layers, freqs, strict=True))
