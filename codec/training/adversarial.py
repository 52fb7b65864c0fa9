"""Discriminators for fine-tuning: of complex spectra at several resolutions, and of periods of the waveform.

An addition to the paper, after DAC (Kumar et al., NeurIPS 2023, arXiv 2306.06546), smaller. Reconstruction losses
alone leave what cannot be predicted, breath and fricatives, too weak; a discriminator asks for it. Costly: for GPUs.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from torch.optim import AdamW

from codec.training.workers import Workers

PERIODS = (2, 3, 5, 7, 11)
RESOLUTIONS = (2048, 1024, 512)
PERIOD_CHANNELS = (16, 64, 128, 256)
SPECTRUM_CHANNELS = 32
SPECTRUM_BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 1.0))
SLOPE = 0.1
BETAS = (0.8, 0.99)

Features = list[Tensor]
"""What each layer of a discriminator gives; the last one is its judgement."""


class PeriodDiscriminator(nn.Module):
    """Looks at every `period`-th sample side by side."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, *PERIOD_CHANNELS)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(width, out, (5, 1), (3, 1), (2, 0))) for width, out in pairwise(widths)
        )
        self.judge = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, sound: Tensor) -> Features:
        """Features of sound `[batch, samples]`."""
        padded = functional.pad(sound[:, None], (0, -sound.shape[-1] % self.period), mode="reflect")
        grid = padded.view(len(sound), 1, -1, self.period)
        return through(grid, self.layers, self.judge)


class SpectrumDiscriminator(nn.Module):
    """Looks at the complex spectrum, band by band."""

    window: Tensor

    def __init__(self, window_samples: int) -> None:
        super().__init__()
        self.window_samples = window_samples
        self.register_buffer("window", torch.hann_window(window_samples), persistent=False)
        self.bands = nn.ModuleList(self._band() for _ in SPECTRUM_BANDS)
        self.judge = weight_norm(nn.Conv2d(SPECTRUM_CHANNELS, 1, 3, padding=1))

    @staticmethod
    def _band() -> nn.ModuleList:
        width = SPECTRUM_CHANNELS
        first = weight_norm(nn.Conv2d(2, width, (3, 9), padding=(1, 4)))
        narrowing = (weight_norm(nn.Conv2d(width, width, (3, 9), (1, 2), (1, 4))) for _ in range(2))
        return nn.ModuleList([first, *narrowing])

    def forward(self, sound: Tensor) -> Features:
        """Features of sound `[batch, samples]`."""
        hop = self.window_samples // 4
        spectrum = torch.stft(sound, self.window_samples, hop, window=self.window, return_complex=True)
        image = torch.view_as_real(spectrum).permute(0, 3, 2, 1)
        bins = image.shape[-1]
        features: Features = []
        ends: Features = []
        for (low, high), layers in zip(SPECTRUM_BANDS, self.bands, strict=True):
            band = through(image[..., int(low * bins) : int(high * bins)], cast("nn.ModuleList", layers))
            features += band
            ends.append(band[-1])
        return [*features, self.judge(torch.cat(ends, -1))]


def through(image: Tensor, layers: Iterable[nn.Module], judge: nn.Module | None = None) -> Features:
    """What each layer gives in turn, and the judgement where there is a judge."""
    features: Features = []
    for layer in layers:
        image = functional.leaky_relu(layer(image), SLOPE)
        features.append(image)
    return features if judge is None else [*features, judge(image)]


class Adversary:
    """All discriminators and their optimiser."""

    def __init__(self, rate: float, device: str) -> None:
        self._rate = rate
        spectra = (SpectrumDiscriminator(size) for size in RESOLUTIONS)
        periods = (PeriodDiscriminator(period) for period in PERIODS)
        self.discriminators = nn.ModuleList([*periods, *spectra]).to(device)
        self._optimiser = AdamW(self.discriminators.parameters(), rate, betas=BETAS)

    def losses(self, wanted: Tensor, found: Tensor) -> dict[str, Tensor]:
        """`adversarial` and `feature`: what the codec loses by being told apart (least squares; feature matching)."""
        self.discriminators.requires_grad_(False)
        adversarial, feature = [], []
        for discriminator in self.discriminators:
            with torch.no_grad():
                originals = discriminator(wanted)
            copies = discriminator(found)
            adversarial.append((1 - copies[-1]).square().mean())
            feature += [functional.l1_loss(copy, real) for copy, real in zip(copies[:-1], originals[:-1], strict=True)]
        self.discriminators.requires_grad_(True)
        return {"adversarial": torch.stack(adversarial).mean(), "feature": torch.stack(feature).mean()}

    def learn(self, wanted: Tensor, found: Tensor, rate_factor: float, workers: Workers) -> None:
        """One step towards telling `found`, detached from the codec, from `wanted`."""
        losses = []
        for discriminator in self.discriminators:
            real, copy = discriminator(wanted)[-1], discriminator(found)[-1]
            losses.append((1 - real).square().mean() + copy.square().mean())
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(losses).mean())
        workers.average_gradients(self.discriminators.parameters())
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * rate_factor
        self._optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        """State for a checkpoint."""
        return {"discriminators": self.discriminators.state_dict(), "optimiser": self._optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the state of a checkpoint."""
        self.discriminators.load_state_dict(state["discriminators"])
        self._optimiser.load_state_dict(state["optimiser"])
