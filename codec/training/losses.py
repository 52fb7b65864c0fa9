"""How far decoded sound and spectra are from the original, for gradients.

Sound is `[batch, samples]`. The paper has `mel_loss` (over several resolutions) and `spectrum_loss`; the two others
are additions, named where they stand.
"""

import torch
from torch import Tensor
from torch.nn import functional

from codec.evaluation.metrics import mel_bands

MEL_RESOLUTIONS = ((64, 10), (128, 20), (256, 40), (512, 80), (1024, 160), (2048, 320))
"""Window in samples and number of mel bands."""
LOG_WEIGHT = 2.0
AMPLITUDE_FLOOR = 1e-5

COMPRESSION = 0.3
"""Power to which magnitudes are compressed, as in the paper."""
POWER_FLOOR = 1e-9

ENERGY_FLOOR = 1e-3
"""Added to energies before they are divided: silence has none."""
SNR_LIMITS = (1e-4, 1e2)

LOUDNESS_WINDOW_SAMPLES = 512
BARK_BANDS = 42
LOWEST_HZ = 100.0
SPEECH_POWER = 1e7
"""Mean power over bands to which speech is brought, in units near the threshold of hearing."""
ZWICKER_POWER = 0.23
DEAD_ZONE = 0.25
INTERVAL_FRAMES = 20


class MelLoss(torch.nn.Module):
    """Distance of mel spectra, plain and logarithmic, summed over six resolutions."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        for window_samples, bands in MEL_RESOLUTIONS:
            filters = mel_bands(window_samples // 2 + 1, bands, sample_rate)
            self.register_buffer(f"bands_{window_samples}", filters, persistent=False)
            self.register_buffer(f"window_{window_samples}", torch.hann_window(window_samples), persistent=False)

    def forward(self, wanted: Tensor, found: Tensor) -> Tensor:
        """Loss, scalar."""
        both = torch.cat([wanted, found])
        return torch.stack([self._distance(both, window_samples) for window_samples, _ in MEL_RESOLUTIONS]).sum()

    def _distance(self, both: Tensor, window_samples: int) -> Tensor:
        powers = power_spectrum(both, self.get_buffer(f"window_{window_samples}"), window_samples // 4)
        amplitudes = (powers + AMPLITUDE_FLOOR**2 / 100).sqrt()
        wanted, found = (self.get_buffer(f"bands_{window_samples}") @ amplitudes).chunk(2)
        log_wanted, log_found = (level.clamp(min=AMPLITUDE_FLOOR).log10() for level in (wanted, found))
        return functional.l1_loss(found, wanted) + LOG_WEIGHT * functional.l1_loss(log_found, log_wanted)


def spectrum_loss(wanted: Tensor, found: Tensor) -> Tensor:
    """Mean squared distance of complex spectra `[batch, 2, frequency, hop]` with magnitudes compressed."""
    return functional.mse_loss(compressed(found), compressed(wanted))


def compressed(spectrum: Tensor) -> Tensor:
    """The spectrum with its magnitudes to the power of `COMPRESSION` and its phases kept."""
    powers = spectrum.square().sum(1, keepdim=True) + POWER_FLOOR
    return spectrum * powers ** ((COMPRESSION - 1) / 2)


def snr_loss(wanted: Tensor, found: Tensor) -> Tensor:
    """Minus the signal-to-noise ratio in units of 10 dB, the mean over clips.

    An addition to the paper: with few steps, the compressed spectrum alone leaves the waveform unlearnt.
    """
    energy = wanted.square().sum(-1) + ENERGY_FLOOR
    noise = (wanted - found).square().sum(-1) + ENERGY_FLOOR
    return (noise / energy).clamp(*SNR_LIMITS).log10().mean()


class LoudnessLoss(torch.nn.Module):
    """Disturbance of the loudness in Bark bands, modelled on the disturbances of ITU-T P.862.

    An addition to the paper. Loudness is power over the threshold of hearing to the power of 0.23, small differences
    are forgiven, energy that was added costs more than energy that is missing, and bad moments count more than their
    share. P.862's alignment in time and its compensation of gains and filters are left out.
    """

    bands: Tensor
    window: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        filters, self.band_width_bark = bark_bands(LOUDNESS_WINDOW_SAMPLES // 2 + 1, sample_rate)
        self.register_buffer("bands", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(LOUDNESS_WINDOW_SAMPLES), persistent=False)

    def forward(self, wanted: Tensor, found: Tensor) -> Tensor:
        """Loss, scalar: roughly the points that P.862 would take off, the mean over clips."""
        spectra = power_spectrum(torch.cat([wanted, found]), self.window, LOUDNESS_WINDOW_SAMPLES // 2)
        wanted_power, found_power = (self.bands @ spectra).chunk(2)
        gain = SPEECH_POWER / (wanted_power.sum(1).mean(-1) + ENERGY_FLOOR)[:, None, None]
        return self._disturbance(wanted_power * gain, found_power * gain).mean()

    def _disturbance(self, wanted: Tensor, found: Tensor) -> Tensor:
        difference = loudness(found) - loudness(wanted)
        forgiven = DEAD_ZONE * torch.minimum(loudness(found), loudness(wanted))
        difference = (difference.abs() - forgiven).clamp(min=0)
        with torch.no_grad():
            added = ((found + 50) / (wanted + 50)) ** 1.2
            added = torch.where(added < 3, 0.0, added.clamp(max=12))
            presence = ((wanted.sum(1) + 1e5) / SPEECH_POWER) ** 0.04
        width = self.band_width_bark
        total = (width * len(self.bands)) ** 0.5 * width * (difference.square().sum(1) + 1e-6).sqrt() / presence
        of_added = width * (difference * added).sum(1) / presence
        return 0.1 * over_time(total.clamp(max=45)) + 0.0309 * over_time(of_added.clamp(max=45))


def loudness(powers: Tensor) -> Tensor:
    """Zwicker's loudness of powers in units of 0.4 of the threshold of hearing, zero at the threshold."""
    return 0.177 * ((0.5 + 1.25 * powers) ** ZWICKER_POWER - 1).clamp(min=0)


def over_time(frames: Tensor) -> Tensor:
    """One number for each clip of `[batch, frame]`: the sixth-power mean over intervals, the square mean over those."""
    length = min(INTERVAL_FRAMES, frames.shape[1])
    intervals = frames.unfold(1, length, max(1, length // 2))
    worst = ((intervals**6).mean(-1) + 1e-9) ** (1 / 6)
    return (worst.square().mean(1) + 1e-9).sqrt()


def power_spectrum(sounds: Tensor, window: Tensor, hop_samples: int) -> Tensor:
    """Squared magnitudes `[batch, bin, frame]`; the gradient is finite in silence, where that of `abs` is not."""
    spectra = torch.stft(sounds, len(window), hop_samples, window=window, return_complex=True)
    return torch.view_as_real(spectra).square().sum(-1)


def bark_bands(bins: int, sample_rate: int) -> tuple[Tensor, float]:
    """Triangular filters `[band, bin]` of equal width on Traunmüller's Bark scale, and that width in Bark."""
    bark = traunmueller(torch.linspace(0, sample_rate / 2, bins))
    lowest = traunmueller(torch.tensor(LOWEST_HZ))
    edges = torch.linspace(float(lowest), float(bark[-1]), BARK_BANDS + 1)
    width = float(edges[1] - edges[0])
    centres = (edges[1:] + edges[:-1]) / 2
    return (1 - (bark[None] - centres[:, None]).abs() / width).clamp(min=0), width


def traunmueller(frequency_hz: Tensor) -> Tensor:
    """Frequency in Bark (Traunmüller, 1990)."""
    return 26.81 * frequency_hz / (1960 + frequency_hz) - 0.53
