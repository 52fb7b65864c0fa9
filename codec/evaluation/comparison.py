"""Measuring coders on recordings."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codec.chunks.bits import pack_codes, packed_bytes
from codec.chunks.packed import CodedChunk
from codec.chunks.plan import ChunkPlan
from codec.chunks.streaming import chunker_for, decoder_for, encode_chunk
from codec.codec import Codec
from codec.errors import UsageError
from codec.evaluation.metrics import mel_distance, pesq_wb, si_sdr_db, stoi
from codec.evaluation.rivals import Rival
from codec.sound.reading import AudioReader
from codec.types import Audio, Codes

METRICS: dict[str, Callable[[Audio, Audio], float]] = {
    "pesq_wb": pesq_wb,
    "stoi": stoi,
    "si_sdr_db": si_sdr_db,
    "mel_distance_db": mel_distance,
}
SUFFIXES = frozenset({".flac", ".wav", ".opus", ".ogg", ".mp3"})


@dataclass(slots=True)
class Scores:
    """What one coder reached over all recordings."""

    coder: str
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """For each metric and `kbps`, one value a recording."""

    def mean(self, name: str) -> float | None:
        """The mean over recordings; None where none could be judged."""
        return float(np.mean(self.values[name])) if self.values[name] else None

    def add(self, original: Audio, decoded: Audio, kbps: float) -> None:
        """Judge one decoded recording; a metric that cannot judge it is left out."""
        self.values["kbps"].append(kbps)
        for name, metric in METRICS.items():
            try:
                self.values[name].append(metric(original, decoded))
            except UsageError:
                continue


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
                with AudioReader(path) as reader:
                    sound = np.concatenate(list(reader.blocks()))
                start = max(0, (len(sound) - int(seconds * reader.rate)) // 2)
                yield path.name, sound[start : start + int(seconds * reader.rate)]


def score_model(codec: Codec, recordings: list[Audio]) -> tuple[list[Scores], list[BookReport]]:
    """Scores for each number of streams, and the use of each codebook."""
    numbers = range(1, codec.max_streams + 1)
    scores = [Scores(f"{codec.name}, {number} stream{'s' * (number > 1)}") for number in numbers]
    all_codes: list[Codes] = []
    for sound in recordings:
        codes = code_padded(codec, sound)
        all_codes.append(codes)
        for number, score in zip(numbers, scores, strict=True):
            decoded = codec.decode(codes[:number], len(sound))
            size_bytes = packed_bytes(number, codec.groups, codes.shape[-1], codec.bits_per_code)
            score.add(sound, decoded, size_bytes * 8 / 1000 / (len(sound) / codec.sample_rate))
    return scores, book_reports(np.concatenate(all_codes, -1), codec)


def score_stitching(codec: Codec, recordings: list[Audio], plan: ChunkPlan) -> Scores:
    """Scores of all streams, in chunks as links carry them: what is sent twice counts in the bitrate."""
    overlap_ms = plan.overlap_samples * 1000 / codec.sample_rate
    overlap = f", {overlap_ms:.0f} ms of overlap" if overlap_ms else ""
    score = Scores(f"{codec.name}, {codec.max_streams} streams, {plan.stitching} chunks{overlap}")
    for sound in recordings:
        chunks = encoded_in_chunks(codec, sound, plan)
        decoder = decoder_for(codec, plan)
        parts = [decoder.push(chunk).audio for chunk in chunks] + [decoder.finish().audio]
        size_bytes = sum(len(pack_codes(chunk.codes, codec.bits_per_code)) for chunk in chunks)
        score.add(sound, np.concatenate(parts), size_bytes * 8 / 1000 / (len(sound) / codec.sample_rate))
    return score


def encoded_in_chunks(codec: Codec, sound: Audio, plan: ChunkPlan) -> list[CodedChunk]:
    """All chunks of a sound at all streams."""
    chunker = chunker_for(codec, plan)
    chunks = [*chunker.push(sound), *chunker.finish()]
    return [encode_chunk(codec, chunk, codec.max_streams) for chunk in chunks]


def code_padded(codec: Codec, sound: Audio) -> Codes:
    """Codes of a sound of any length, padded to whole frames as every chunk on the wire is."""
    return codec.encode(np.pad(sound, (0, -len(sound) % codec.frame_samples)), codec.max_streams)


def score_rival(rival: Rival, recordings: list[Audio]) -> Scores:
    """Scores of another coder."""
    score = Scores(rival.name)
    for sound in recordings:
        decoded, kbps = rival.run(sound)
        score.add(sound, decoded, kbps)
    return score


def book_reports(codes: Codes, codec: Codec) -> list[BookReport]:
    """The use of each codebook in codes `[stream, group, frame]`."""
    reports = []
    for stream, group in np.ndindex(codes.shape[:2]):
        counts = np.bincount(codes[stream, group], minlength=2**codec.bits_per_code)
        shares = counts[counts > 0] / counts.sum()
        entropy_bits = float(-(shares * np.log2(shares)).sum())
        bits_share = entropy_bits / codec.bits_per_code
        reports.append(BookReport(stream + 1, group + 1, 2**entropy_bits, bits_share, int((counts > 0).sum())))
    return reports
