"""How near decoded sound is to the original: SI-SDR, mel distance, STOI and PESQ.

Sound is float32 `[samples]`, reference and estimate of the same length and aligned, as `Codec.decode` gives them.
STOI and PESQ come from the packages pystoi and pesq, which the extra `metrics` installs.
"""

import importlib
import warnings
from collections.abc import Callable
from math import isnan, nan
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import melscale_fbanks

from codec.errors import UsageError
from codec.types import Audio

PACKAGES = ("pystoi", "pesq")
PESQ_RATE = 16000
MEL_BANDS = 80
MEL_WINDOWS_SAMPLES = (512, 1024, 2048)
MEL_FLOOR = 1e-5
"""Below this a band counts as silent: −100 dB of full scale."""


def si_sdr_db(reference: Audio, estimate: Audio) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019); above is better, unbounded.

    Raises `UsageError` for sounds of different length, or a silent reference, for which it is not defined.
    """
    check_pair(reference, estimate)
    wanted, found = reference.astype(np.float64), estimate.astype(np.float64)
    ratio_db = si_sdr_of_products(float(wanted @ wanted), float(wanted @ found), float(found @ found))
    if isnan(ratio_db):
        raise UsageError("SI-SDR is not defined for a silent reference: choose a sound with speech in it")
    return ratio_db


def si_sdr_of_products(wanted: float, both: float, found: float) -> float:
    """SI-SDR in dB from the inner products of reference and estimate, which blocks can add up; nan without sound.

    The target is the estimate's part along the reference, of energy both² ÷ wanted; the rest of it is distortion.
    """
    if not wanted:
        return nan
    target = both * both / wanted
    tiny = float(np.finfo(np.float64).tiny)
    return 10 * float(np.log10(max(target, tiny) / max(found - target, tiny)))


def mel_distance(reference: Audio, estimate: Audio, sample_rate: int = 16000) -> float:
    """Mean difference of the mel spectra in dB, over three resolutions of 80 bands; 0 is equal.

    Raises `UsageError` for sounds of different length or shorter than one window (2048 samples).
    """
    check_pair(reference, estimate)
    if len(reference) < MEL_WINDOWS_SAMPLES[-1]:
        raise UsageError(f"the mel distance needs {MEL_WINDOWS_SAMPLES[-1]} samples at least, not {len(reference)}")
    pair = torch.from_numpy(np.stack([reference, estimate]).astype(np.float32))
    spectra = [mel_decibels(pair, window_samples, sample_rate) for window_samples in MEL_WINDOWS_SAMPLES]
    return float(torch.stack([(wanted - found).abs().mean() for wanted, found in spectra]).mean())


def mel_decibels(sounds: Tensor, window_samples: int, sample_rate: int) -> Tensor:
    """Mel spectra in dB of full scale, `[batch, band, frame]`, of `[batch, samples]`."""
    window = torch.hann_window(window_samples)
    spectra = torch.stft(sounds, window_samples, window_samples // 4, window=window, return_complex=True)
    bands = mel_bands(window_samples // 2 + 1, MEL_BANDS, sample_rate)
    levels = bands @ (spectra.abs() * 2 / window.sum())
    return 20 * levels.clamp(min=MEL_FLOOR).log10()


def mel_bands(bins: int, bands: int, sample_rate: int) -> Tensor:
    """Triangular mel filters `[band, bin]`; at low frequencies some fall between two bins and are zero."""
    with warnings.catch_warnings(action="ignore"):  # torchaudio warns of those
        filters: Tensor = melscale_fbanks(bins, 0.0, sample_rate / 2, bands, sample_rate)
    return filters.t().contiguous()


def stoi(reference: Audio, estimate: Audio, sample_rate: int = 16000) -> float:
    """Short-time objective intelligibility (Taal et al., 2011), 0 to 1.

    Raises `UsageError` where the package is missing or the sound holds too little speech (about 0.4 s).
    """
    check_pair(reference, estimate)
    package = metrics_package("pystoi")
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        try:
            return float(package.stoi(reference, estimate, sample_rate))
        except RuntimeWarning as warning:
            raise UsageError("STOI needs more speech than this sound holds: choose a longer one") from warning


def pesq_wb(reference: Audio, estimate: Audio, sample_rate: int = PESQ_RATE) -> float:
    """Wideband PESQ (ITU-T P.862.2) as a listening score of 1.0 to 4.6.

    Raises `UsageError` where the package is missing, the rate is not 16000 Hz, or no speech is found.
    """
    check_pair(reference, estimate)
    package = metrics_package("pesq")
    if sample_rate != PESQ_RATE:
        raise UsageError(f"wideband PESQ works at {PESQ_RATE} Hz, not {sample_rate}: resample the sound")
    try:
        with warnings.catch_warnings(action="ignore"):  # about silence, which it then refuses
            return float(package.pesq(sample_rate, reference, estimate, "wb"))
    except package.PesqError as error:
        raise UsageError(f"PESQ cannot judge this sound ({error!r}): choose one with speech in it") from error


METRICS: dict[str, Callable[[Audio, Audio, int], float]] = {
    "mel_distance_db": mel_distance,
    "stoi": stoi,
    "pesq_wb": pesq_wb,
}
"""Measures of sounds of a few seconds, by the names that reports use: reference, estimate, sample rate → value."""


def metrics_package(name: str) -> ModuleType:
    """Import a package of the extra `metrics`; raises `UsageError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"the package {name} is not installed: run pip install 'esc-tui[metrics]'") from error


def check_pair(reference: Audio, estimate: Audio) -> None:
    """Raise `UsageError` unless both sounds are `[samples]` of the same length."""
    if reference.ndim != 1 or reference.shape != estimate.shape:
        raise UsageError(
            f"reference and estimate must be [samples] of one length, not {list(reference.shape)} and "
            f"{list(estimate.shape)}: crop the longer one"
        )
