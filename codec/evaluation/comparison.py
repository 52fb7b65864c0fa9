"""Measuring coders on recordings."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

import numpy as np

from codec.chunks.bits import pack_codes, packed_bytes
from codec.chunks.plan import ChunkPlan
from codec.chunks.streaming import chunker_for, decoder_for, encode_chunk
from codec.codec import Codec
from codec.errors import UsageError
from codec.evaluation.quality import Quality, judge, mean_quality
from codec.evaluation.rivals import RATE, Rival
from codec.sound.reading import read_sound
from codec.types import Audio, Codes

SUFFIXES = frozenset({".flac", ".wav", ".opus", ".ogg", ".mp3"})


@dataclass(slots=True)
class Scores:
    """The quality and the bitrate that one coder reached, recording by recording."""

    coder: str
    qualities: list[Quality] = field(default_factory=list)
    kbps: list[float] = field(default_factory=list)

    def mean(self, name: str) -> float | None:
        """The mean of `kbps` or of a measure of `Quality`, over the recordings that could be judged; None for none."""
        value = float(np.mean(self.kbps)) if name == "kbps" else getattr(mean_quality(self.qualities), name)
        return None if isnan(value) else value

    def add(self, original: Audio, decoded: Audio, size_bytes: float, rate: int = RATE) -> None:
        """Judge one decoded recording that took so many bytes."""
        self.qualities.append(judge(original, decoded, rate))
        self.kbps.append(size_bytes * 8 / 1000 / (len(original) / rate))


@dataclass(frozen=True, slots=True)
class BookReport:
    """How evenly one codebook is used."""

    stream: int
    group: int
    perplexity: float
    """How many codewords, used evenly, would carry as much."""
    bits_share: float
    """Entropy of the codes as a share of the bits that they take."""
    codewords_used: int


def read_recordings(folders: list[Path], seconds: float) -> Iterator[tuple[str, Audio]]:
    """Name and sound at 16000 Hz of every recording below `folders`, the middle `seconds` of each."""
    for folder in folders:
        if not folder.exists():
            raise UsageError(f"there is no folder {folder}: give recordings of speech with --data")
        paths = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        for path in paths:
            if path.suffix.lower() in SUFFIXES:
                sound, length = read_sound(path, RATE), int(seconds * RATE)
                start = max(0, (len(sound) - length) // 2)
                yield path.name, sound[start : start + length]


def score_model(codec: Codec, recordings: list[Audio]) -> tuple[list[Scores], list[BookReport]]:
    """Scores for each number of streams, and the use of each codebook."""
    numbers = range(1, codec.max_streams + 1)
    scores = [Scores(f"{codec.name}, {number} stream{'s' * (number > 1)}") for number in numbers]
    all_codes: list[Codes] = []
    for sound in recordings:
        codes = codec.encode(np.pad(sound, (0, -len(sound) % codec.frame_samples)))
        all_codes.append(codes)
        for number, score in zip(numbers, scores, strict=True):
            size_bytes = packed_bytes(number, codec.groups, codes.shape[-1], codec.bits_per_code)
            score.add(sound, codec.decode(codes[:number], len(sound)), size_bytes, codec.sample_rate)
    return scores, book_reports(np.concatenate(all_codes, -1), codec)


def score_stitching(codec: Codec, recordings: list[Audio], plan: ChunkPlan) -> Scores:
    """Scores of all streams, in chunks as links carry them: what is sent twice counts in the bitrate."""
    overlap_ms = plan.overlap_samples * 1000 / codec.sample_rate
    overlap = f", {overlap_ms:.0f} ms of overlap" if overlap_ms else ""
    score = Scores(f"{codec.name}, {codec.max_streams} streams, {plan.stitching} chunks{overlap}")
    for sound in recordings:
        chunker, decoder = chunker_for(codec, plan), decoder_for(codec, plan)
        chunks = [encode_chunk(codec, chunk, codec.max_streams) for chunk in (*chunker.push(sound), *chunker.finish())]
        parts = [decoder.push(chunk).audio for chunk in chunks] + [decoder.finish().audio]
        size_bytes = sum(len(pack_codes(chunk.codes, codec.bits_per_code)) for chunk in chunks)
        score.add(sound, np.concatenate(parts), size_bytes, codec.sample_rate)
    return score


def score_rival(rival: Rival, recordings: list[Audio]) -> Scores:
    """Scores of another coder."""
    score = Scores(rival.name)
    for sound in recordings:
        score.add(sound, *rival.run(sound))
    return score


def book_reports(codes: Codes, codec: Codec) -> list[BookReport]:
    """The use of each codebook in codes `[stream, group, frame]`."""
    reports = []
    for stream, group in np.ndindex(codes.shape[:2]):
        counts = np.unique(codes[stream, group], return_counts=True)[1]
        shares = counts / counts.sum()
        entropy_bits = float(-(shares * np.log2(shares)).sum())
        bits_share = entropy_bits / codec.bits_per_code
        reports.append(BookReport(stream + 1, group + 1, 2**entropy_bits, bits_share, len(counts)))
    return reports
