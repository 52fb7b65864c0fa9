"""How much of a sound a codec kept, measured as the sound passes."""

import threading
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from math import nan

import numpy as np
import numpy.typing as npt

from codec.errors import UsageError
from codec.types import Audio, ChannelAudio

SEGMENT_SECONDS = 30
"""STOI, PESQ and mel distance are means over segments of this length: they take much memory on long sounds."""
SHORTEST_SEGMENT_SECONDS = 1
"""A shorter rest is left out, unless it is all there is."""
SHORTEST_JUDGED_SECONDS = 0.5
"""Shorter sounds have no STOI, PESQ and mel distance."""

_one_at_a_time = threading.Lock()
"""The measures silence warnings, which is a setting of the whole process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Measures of decoded sound against the original (`codec.evaluation.metrics`); nan where one is not defined."""

    si_sdr_db: float = nan
    mel_distance_db: float = nan
    stoi: float = nan
    pesq_wb: float = nan


def judge(original: Audio, decoded: Audio, rate: int) -> Quality:
    """Measure one decoded sound `[samples]` as a whole."""
    from codec.evaluation import metrics  # noqa: PLC0415 - importing torch takes seconds

    measures = {"si_sdr_db": metrics.si_sdr_db(original, decoded) if original.any() else nan}
    if original.any() and len(original) >= SHORTEST_JUDGED_SECONDS * rate:
        for name, measure in metrics.METRICS.items():
            try:
                with _one_at_a_time:
                    measures[name] = measure(original, decoded, rate)
            except UsageError:  # it is not defined for such a sound
                continue
    return Quality(**measures)


def mean_quality(qualities: Sequence[Quality], weights: Sequence[float] | None = None) -> Quality:
    """The mean of each measure over those sounds for which it is defined."""
    values = np.array([astuple(quality) for quality in qualities]).reshape(-1, 4)
    known = ~np.isnan(values)
    shares = known * np.array(weights if weights is not None else np.ones(len(values)))[:, None]
    sums = (np.where(known, values, 0) * shares).sum(axis=0)
    means = [float(total / share) if share else nan for total, share in zip(sums, shares.sum(axis=0), strict=True)]
    return Quality(si_sdr_db=means[0], mel_distance_db=means[1], stoi=means[2], pesq_wb=means[3])


class QualityMeter:
    """Measures decoded sound against the original, each pushed in blocks `[channel, samples]` of any length.

    SI-SDR covers the whole sound; the others are means over segments of 30 s. Channels are measured one by one and
    averaged. `finish` raises `UsageError` where the two lengths differ.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._rate = sample_rate
        self._originals, self._decodeds = _Blocks(channels), _Blocks(channels)
        self._products = np.zeros((channels, 3))
        self._segments: list[list[Quality]] = []
        self._lengths: list[int] = []

    def original(self, audio: ChannelAudio) -> None:
        """Add the next block of the original."""
        self._originals.push(audio)
        self._measure_full_segments()

    def decoded(self, audio: ChannelAudio) -> None:
        """Add the next block of the decoded sound."""
        self._decodeds.push(audio)
        self._measure_full_segments()

    def finish(self) -> Quality:
        """Measure what is left and return the result."""
        from codec.evaluation.metrics import si_sdr_of_products  # noqa: PLC0415 - importing torch takes seconds

        rest = self._originals.samples
        if rest != self._decodeds.samples:
            raise UsageError("the decoded sound has another length than the original: they cannot be compared")
        if rest:
            self._measure(rest, judged=not self._segments or rest >= SHORTEST_SEGMENT_SECONDS * self._rate)
        channels = [
            replace(mean_quality([segment[channel] for segment in self._segments], self._lengths), si_sdr_db=si_sdr_db)
            for channel, si_sdr_db in enumerate(map(si_sdr_of_products, *self._products.T))
        ]
        return mean_quality(channels)

    def _measure_full_segments(self) -> None:
        segment = SEGMENT_SECONDS * self._rate
        while min(self._originals.samples, self._decodeds.samples) >= segment:
            self._measure(segment)

    def _measure(self, samples: int, *, judged: bool = True) -> None:
        pairs = list(zip(self._originals.pop(samples), self._decodeds.pop(samples), strict=True))
        self._products += [_products(*pair) for pair in pairs]
        if judged:
            self._segments.append([judge(*pair, self._rate) for pair in pairs])
            self._lengths.append(samples)


class _Blocks:
    """Sound that waits for its counterpart."""

    def __init__(self, channels: int) -> None:
        self.samples = 0
        self._blocks: list[ChannelAudio] = [np.zeros((channels, 0), np.float32)]

    def push(self, audio: ChannelAudio) -> None:
        self._blocks.append(audio)
        self.samples += audio.shape[1]

    def pop(self, samples: int) -> ChannelAudio:
        joined = np.concatenate(self._blocks, axis=1)
        self._blocks = [joined[:, samples:]]
        self.samples -= samples
        return joined[:, :samples]


def _products(original: Audio, decoded: Audio) -> npt.NDArray[np.float64]:
    wanted, found = original.astype(np.float64), decoded.astype(np.float64)
    return np.array([wanted @ wanted, wanted @ found, found @ found])
