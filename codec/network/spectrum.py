"""Sound ↔ complex spectrum ↔ patches.

Spectra are `[batch, 2, frequency, hop]`, real and imaginary part; latents `[batch, frequency, time, channel]`.
"""

import torch
from torch import Tensor, nn

from codec.config import ModelConfig


class Spectrum(nn.Module):
    """The short-time Fourier transform, centred, with a Hann window, and its inverse."""

    window: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self._config = config
        # On the CPU even inside `torch.device("meta")`: no checkpoint brings the window.
        window = torch.hann_window(config.window_samples, device="cpu")
        self.register_buffer("window", window, persistent=False)

    def analyse(self, audio: Tensor) -> Tensor:
        """Spectrum `[batch, 2, frequency, hop]` of `[batch, samples]`, padded with zero hops to whole code frames."""
        config = self._config
        spectrum = torch.stft(
            audio, config.n_fft, config.hop_samples, config.window_samples, self.window, return_complex=True
        )
        parts = torch.view_as_real(spectrum).permute(0, 3, 1, 2)
        return nn.functional.pad(parts, (0, -parts.shape[-1] % config.padding_hops))

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """Sound `[batch, (hops − 1) · hop]` of a spectrum `[batch, 2, frequency, hop]`."""
        config = self._config
        whole = torch.view_as_complex(spectrum.permute(0, 2, 3, 1).contiguous())
        return torch.istft(whole, config.n_fft, config.hop_samples, config.window_samples, self.window)


class PatchEmbed(nn.Module):
    """Cuts a spectrum into patches and projects each to a vector."""

    def __init__(self, in_channels: int, width: int, patch: tuple[int, int]) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, width, patch, patch)
        self.norm = nn.LayerNorm(width)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Latent `[batch, frequency, time, channel]` of a spectrum."""
        patches: Tensor = self.proj(spectrum)
        latent: Tensor = self.norm(patches.permute(0, 2, 3, 1))
        return latent


class PatchDeEmbed(nn.Module):
    """Spreads each latent vector over its patch of the spectrum: convolution, pixel shuffle, convolution."""

    def __init__(self, width: int, out_channels: int, patch: tuple[int, int]) -> None:
        super().__init__()
        self.patch = patch
        self.de_proj1 = nn.Conv2d(width, width * patch[0] * patch[1], kernel_size=5, padding=2)
        self.de_proj2 = nn.Conv2d(width, out_channels, kernel_size=3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """Spectrum of a latent `[batch, frequency, time, channel]`."""
        spread: Tensor = self.de_proj1(latent.permute(0, 3, 1, 2))
        spectrum: Tensor = self.de_proj2(shuffle(spread, self.patch))
        return spectrum


def shuffle(spread: Tensor, patch: tuple[int, int]) -> Tensor:
    """Lay the channels of `[batch, freq_patch · time_patch · channel, frequency, time]` out over their patches."""
    batch, channels, freq, time = spread.shape
    freq_patch, time_patch = patch
    width = channels // (freq_patch * time_patch)
    cells = spread.view(batch, freq_patch, time_patch, width, freq, time)
    return cells.permute(0, 3, 4, 1, 5, 2).reshape(batch, width, freq * freq_patch, time * time_patch)
