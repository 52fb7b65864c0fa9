"""ESC: a Swin autoencoder of complex spectra with cross-scale residual quantization.

Gu and Diao, "ESC: Efficient Speech Coding with Cross-Scale Residual Vector Quantized Transformers", EMNLP 2024
(arXiv 2404.19441). Parameters bear the names of the published checkpoints. This is the network as it is understood
and trained; `codec.inference` computes the same results faster.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from codec.config import ModelConfig
from codec.network.quantize import ProductQuantizer, Quantized
from codec.network.spectrum import PatchDeEmbed, PatchEmbed, Spectrum
from codec.network.swin import Scaling, SwinLayer


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """What one pass through encoder, quantizers and decoder gives, for training."""

    spectrum: Tensor
    """What went in, `[batch, 2, frequency, hop]`."""
    decoded_spectrum: Tensor
    """What came out, of the same shape."""
    codes: list[Tensor]
    """int64 `[batch, group, frame]` for each stream; empty where quantization was left out."""
    commitment_losses: list[Tensor]
    """One for each stream (`Quantized.commitment_loss`)."""
    codebook_losses: list[Tensor]
    """One for each stream (`Quantized.codebook_loss`)."""


class Encoder(nn.Module):
    """Spectrum → latents at every scale, each of half the frequency patches of the one before."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths = config.h_dims
        self.patch_embed = PatchEmbed(config.in_dim, widths[0], config.patch_size)
        self.pre_nn = swin_layer(config, widths[0], widths[0], config.swin_heads[0])
        self.blocks = scaling_layers(config, widths, config.swin_heads, "down")

    def forward(self, spectrum: Tensor) -> list[Tensor]:
        """Latents `[batch, frequency, time, channel]`, finest first."""
        latents: list[Tensor] = [self.pre_nn(self.patch_embed(spectrum))]
        for block in self.blocks:
            latents.append(block(latents[-1]))
        return latents


class Decoder(nn.Module):
    """Latent at the coarsest scale → spectrum; between its `blocks` the streams add their residuals."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        widths, heads = config.h_dims[::-1], config.swin_heads[::-1]
        self.blocks = scaling_layers(config, widths, heads, "up")
        self.post_nn = swin_layer(config, widths[-1], widths[-1], heads[-1])
        self.patch_deembed = PatchDeEmbed(widths[-1], config.in_dim, config.patch_size)

    def finish(self, latent: Tensor) -> Tensor:
        """Spectrum of the latent that the last of `blocks` gave."""
        spectrum: Tensor = self.patch_deembed(self.post_nn(latent))
        return spectrum


class ESC(nn.Module):
    """The whole codec. Sound is `[batch, samples]`, codes are int64 `[batch, stream, group, frame]`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizers = nn.ModuleList(
            ProductQuantizer(
                width,
                freq,
                overlap=config.overlap,
                groups=config.group_size,
                book_size=config.codebook_size,
                book_width=book_width,
                l2norm=config.l2norm,
            )
            for (width, freq), book_width in zip(config.quantizer_shapes(), config.codebook_dims, strict=False)
        )
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.spectrum = Spectrum(config)

    def forward(self, audio: Tensor, num_streams: int, freeze: bool = False) -> tuple[Tensor, Coded]:
        """Code and decode `audio` with gradients: sound `[batch, (hops − 1) · hop]`, and all that losses need."""
        coded = self.code(self.spectrum.analyse(audio), num_streams, freeze)
        return self.spectrum.synthesise(coded.decoded_spectrum), coded

    def code(self, spectrum: Tensor, num_streams: int, freeze: bool = False) -> Coded:
        """Pass a spectrum through encoder, `num_streams` quantizers and decoder; `freeze` leaves out quantization."""
        latents = self.encoder(spectrum)
        quantized: list[Quantized] = [self.quantizers[0](latents[-1], freeze)]
        latent = quantized[0].latent
        for index, block in enumerate(self.decoder.blocks):
            if index + 1 < num_streams:
                quantized.append(self.quantizers[index + 1](latents[-1 - index] - latent, freeze))
                latent = latent + quantized[-1].latent
            latent = block(latent)
        return Coded(
            spectrum,
            self.decoder.finish(latent),
            [stream.codes for stream in quantized if stream.codes is not None],
            [stream.commitment_loss for stream in quantized],
            [stream.codebook_loss for stream in quantized],
        )

    @property
    def streams(self) -> list[ProductQuantizer]:
        """The quantizers, one a stream, coarsest first."""
        return cast("list[ProductQuantizer]", list(self.quantizers))

    def encode(self, audio: Tensor, num_streams: int) -> Tensor:
        """Codes of the first `num_streams` streams; runs only the decoder stages that they need."""
        latents = self.encoder(self.spectrum.analyse(audio))
        first, *others = self.streams[:num_streams]
        codes = [first.encode(latents[-1])]
        latent = first.decode(codes[0])
        for index, quantizer in enumerate(others):
            codes.append(quantizer.encode(latents[-1 - index] - latent))
            if index + 2 < num_streams:
                latent = self.decoder.blocks[index](latent + quantizer.decode(codes[-1]))
        return torch.stack(codes, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Sound `[batch, (hops − 1) · hop]` of codes of any number of streams."""
        residuals = [stream.decode(part) for stream, part in zip(self.streams, codes.unbind(1), strict=False)]
        latent = residuals[0]
        for index, block in enumerate(self.decoder.blocks):
            if index + 1 < len(residuals):
                latent = latent + residuals[index + 1]
            latent = block(latent)
        return self.spectrum.synthesise(self.decoder.finish(latent))


def swin_layer(
    config: ModelConfig, width: int, out_width: int, heads: int, scaling: Scaling | None = None
) -> SwinLayer:
    """A Swin layer with the depth, window and perceptron of `config`."""
    return SwinLayer(
        width,
        out_width,
        heads,
        depth=config.swin_depth,
        window=config.window_size,
        mlp_ratio=config.mlp_ratio,
        scaling=scaling,
    )


def scaling_layers(
    config: ModelConfig, widths: tuple[int, ...], heads: tuple[int, ...], scaling: Scaling
) -> nn.ModuleList:
    """One layer for each step from one of `widths` to the next."""
    steps = zip(widths[:-1], widths[1:], heads, strict=False)
    return nn.ModuleList(swin_layer(config, width, out_width, count, scaling) for width, out_width, count in steps)
