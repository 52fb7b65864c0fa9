"""How much of a sound a codec kept, measured as the sound passes."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from codec.errors import UsageError
from codec.types import Audio, ChannelAudio

SEGMENT_SECONDS = 30
"""STOI, PESQ and mel distance are means over segments of this length: they take much memory on long sounds."""
SHORTEST_SEGMENT_SECONDS = 1
"""A shorter rest is left out, unless it is all there is."""

SHORTEST_JUDGED_SECONDS = 0.5
"""On less, the measures say nothing."""

_one_at_a_time = threading.Lock()
"""The measures silence warnings, which is a setting of the whole process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Measures of decoded sound against the original (`codec.metrics`); nan where one is not defined for the sound."""

    si_sdr_db: float
    mel_distance_db: float
    stoi: float
    pesq_wb: float


class QualityMeter:
    """Measures decoded sound against the original, each pushed in blocks `[channel, samples]` of any length.

    SI-SDR covers the whole sound; the others are means over segments of 30 s. Channels are measured one by one and
    averaged. `finish` raises `UsageError` where the two lengths differ.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._channels = [_ChannelMeter(sample_rate) for _ in range(channels)]

    def original(self, audio: ChannelAudio) -> None:
        """Take more of the original."""
        for meter, channel in zip(self._channels, audio, strict=True):
            meter.original(channel)

    def decoded(self, audio: ChannelAudio) -> None:
        """Take more of the decoded sound."""
        for meter, channel in zip(self._channels, audio, strict=True):
            meter.decoded(channel)

    def finish(self) -> Quality:
        """Measure what is left and tell the result."""
        measured = [meter.finish() for meter in self._channels]
        return mean_quality(measured)


def mean_quality(qualities: list[Quality]) -> Quality:
    """The mean of each measure over those sounds for which it is defined."""
    return Quality(
        si_sdr_db=_mean([quality.si_sdr_db for quality in qualities]),
        mel_distance_db=_mean([quality.mel_distance_db for quality in qualities]),
        stoi=_mean([quality.stoi for quality in qualities]),
        pesq_wb=_mean([quality.pesq_wb for quality in qualities]),
    )


class _ChannelMeter:
    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._originals = _Blocks()
        self._decodeds = _Blocks()
        self._products = np.zeros(3)
        self._segments: list[tuple[float, ...]] = []
        self._lengths: list[int] = []

    def original(self, audio: Audio) -> None:
        self._originals.push(audio)
        self._measure_full_segments()

    def decoded(self, audio: Audio) -> None:
        self._decodeds.push(audio)
        self._measure_full_segments()

    def finish(self) -> Quality:
        if self._originals.samples != self._decodeds.samples:
            raise UsageError("the decoded sound has another length than the original: they cannot be compared")
        rest = self._originals.samples
        if rest:
            self._measure(rest, judge=not self._segments or rest >= SHORTEST_SEGMENT_SECONDS * self._rate)
        mel, intelligibility, listening = (
            _mean(list(values), self._lengths)
            for values in (zip(*self._segments, strict=True) if self._segments else [()] * 3)
        )
        return Quality(si_sdr_db=self._si_sdr_db(), mel_distance_db=mel, stoi=intelligibility, pesq_wb=listening)

    def _measure_full_segments(self) -> None:
        segment = SEGMENT_SECONDS * self._rate
        while min(self._originals.samples, self._decodeds.samples) >= segment:
            self._measure(segment)

    def _measure(self, samples: int, *, judge: bool = True) -> None:
        original, decoded = self._originals.pop(samples), self._decodeds.pop(samples)
        wanted, found = original.astype(np.float64), decoded.astype(np.float64)
        self._products += (wanted @ wanted, wanted @ found, found @ found)
        if judge:
            from codec.evaluation.metrics import mel_distance, pesq_wb, stoi  # noqa: PLC0415 - importing torch takes seconds

            with _one_at_a_time:
                values = tuple(
                    _judged(measure, original, decoded, self._rate) for measure in (mel_distance, stoi, pesq_wb)
                )
            self._segments.append(values)
            self._lengths.append(samples)

    def _si_sdr_db(self) -> float:
        """SI-SDR from the sums over the whole sound: the target is the decoded sound's part along the original."""
        wanted, both, found = self._products
        if not wanted:
            return nan
        target = both * both / wanted
        tiny = float(np.finfo(np.float64).tiny)
        return 10 * float(np.log10(max(target, tiny) / max(found - target, tiny)))


class _Blocks:
    """Sound that waits for its counterpart."""

    def __init__(self) -> None:
        self.samples = 0
        self._blocks: list[Audio] = []

    def push(self, audio: Audio) -> None:
        self._blocks.append(audio)
        self.samples += len(audio)

    def pop(self, samples: int) -> Audio:
        joined = np.concatenate(self._blocks)
        self._blocks = [joined[samples:]]
        self.samples -= samples
        return joined[:samples]


def _judged(measure: Callable[[Audio, Audio, int], float], original: Audio, decoded: Audio, rate: int) -> float:
    if len(original) < SHORTEST_JUDGED_SECONDS * rate or not original.any():
        return nan
    try:
        return measure(original, decoded, rate)
    except UsageError:  # this measure says nothing about such a sound
        return nan


def _mean(values: list[float], weights: list[int] | None = None) -> float:
    """The mean of those values that are numbers; nan where none is."""
    known = [
        (value, weight) for value, weight in zip(values, weights or [1] * len(values), strict=True) if not isnan(value)
    ]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else nan
