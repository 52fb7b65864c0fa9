"""Clips of speech from a folder of sound files.

All files are decoded once, to one file of 16-bit samples at the model's rate, from which clips are then drawn at
random: seeking in compressed files would take longer than a training step.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.errors import AudioFileError, UsageError
from codec.sound.reading import AudioReader
from codec.sound.wav import Pcm16, to_pcm16
from codec.training.augment import SPEED_RANGE, at_level, vary
from codec.types import Audio

SUFFIXES = frozenset({".flac", ".wav", ".opus", ".ogg", ".mp3", ".aiff", ".aif", ".w64", ".caf"})
PCM_FILE = "speech.pcm"
INDEX_FILE = "speech.json"

SILENT_RMS = 1e-4
"""Below this a clip is never drawn: nothing is to be learnt from digital silence."""
QUIET_RMS = 2e-3
QUIET_SHARE = 0.1
"""Clips below `QUIET_RMS`, mostly pauses, are drawn this much less."""
TRIES = 100


@dataclass(frozen=True, slots=True)
class SpeechFolder:
    """Decoded speech: one line of samples, and the group that each file belongs to."""

    pcm: Pcm16
    sources: tuple[str, ...]
    """For each file, the folder inside the data that it lies in: usually a corpus or a speaker."""
    starts: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def hours(self) -> float:
        """Hours at 16000 Hz."""
        return len(self.pcm) / 16000 / 3600

    def weights(self) -> np.ndarray:
        """How likely each file is drawn: half by its length, half so that all folders have equal parts."""
        lengths = np.array(self.lengths, np.float64)
        by_length = lengths / lengths.sum()
        by_source = np.zeros_like(by_length)
        for source in set(self.sources):
            members = np.array([name == source for name in self.sources])
            by_source[members] = by_length[members] / by_length[members].sum()
        weights: np.ndarray = (by_length + by_source / by_source.sum()) / 2
        return weights


def open_speech(
    data: Path,
    cache: Path,
    sample_rate: int,
    exclude: tuple[str, ...] = (),
    on_file: Callable[[int, int], None] = lambda _done, _total: None,
) -> SpeechFolder:
    """Decode all sound files below `data` into `cache`, or reuse what is there from the same files.

    Files that cannot be read are passed over. Raises `UsageError` where no sound is left.
    """
    files = find_files(data, exclude)
    listing = [f"{path.relative_to(data)} {path.stat().st_size}" for path in files]
    pcm_path, index_path = cache / PCM_FILE, cache / INDEX_FILE
    if not index_path.is_file() or json.loads(index_path.read_text())["files"] != [sample_rate, *listing]:
        cache.mkdir(parents=True, exist_ok=True)
        lengths = [0] * len(files)
        with pcm_path.open("wb") as pcm:
            for number, path in enumerate(files):
                on_file(number, len(files))
                lengths[number] = decode_into(pcm.write, path, sample_rate)
        index_path.write_text(json.dumps({"files": [sample_rate, *listing], "lengths": lengths}))
    lengths = json.loads(index_path.read_text())["lengths"]
    if not sum(lengths):
        raise UsageError(f"there is no sound to train on in {data}: give a folder of sound files with --data")
    return SpeechFolder(
        np.memmap(pcm_path, np.int16, "r"),
        tuple(str(path.parent.relative_to(data)) for path in files),
        tuple(int(start) for start in np.cumsum([0, *lengths[:-1]])),
        tuple(lengths),
    )


def find_files(data: Path, exclude: tuple[str, ...]) -> list[Path]:
    """Sound files below `data`, in order, without those in a folder named in `exclude`."""
    if not data.is_dir():
        raise UsageError(f"there is no folder {data}: give a folder of sound files with --data")
    found = (path for path in data.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not set(path.relative_to(data).parts[:-1]) & set(exclude))


def decode_into(write: Callable[[bytes], object], path: Path, sample_rate: int) -> int:
    """Write the samples of one file; gives how many. A file that breaks off counts up to there."""
    samples = 0
    try:
        with AudioReader(path, sample_rate) as reader:
            for block in reader.blocks():
                write(to_pcm16(block).tobytes())
                samples += len(block)
    except AudioFileError:
        return samples
    return samples


class ClipSource:
    """Batches of clips; the batch of a step is the same whenever it is asked for."""

    def __init__(self, speech: SpeechFolder, clip_samples: int, sample_rate: int, *, seed: int, augment: bool) -> None:
        self._speech = speech
        self._clip_samples = clip_samples
        self._sample_rate = sample_rate
        self._seed = seed
        self._augment = augment
        longest = int(clip_samples * SPEED_RANGE[1]) + 2 if augment else clip_samples
        self._draw_samples = longest
        weights = speech.weights() * (np.array(speech.lengths) >= longest)
        if not weights.any():
            raise UsageError(f"no sound file is as long as one clip ({longest / sample_rate:.2f} s): add longer ones")
        self._weights = weights / weights.sum()

    def batch(self, step: int, clips: int, worker: int = 0) -> Tensor:
        """Sound float32 `[clips, samples]` for a step, other sound for each worker."""
        rng = np.random.default_rng((self._seed, step, worker))
        return torch.from_numpy(np.stack([self._clip(rng) for _ in range(clips)]))

    def _clip(self, rng: np.random.Generator) -> Audio:
        for _ in range(TRIES):
            sound = self._draw(rng)
            rms = float(np.sqrt(np.mean(sound**2)))
            if rms < SILENT_RMS or (rms < QUIET_RMS and rng.random() > QUIET_SHARE):
                continue
            if self._augment:
                sound = vary(sound, self._sample_rate, rng)
            return at_level(sound[: self._clip_samples], rng)
        raise UsageError("the sound files hold almost nothing but silence: give others with --data")

    def _draw(self, rng: np.random.Generator) -> Audio:
        number = rng.choice(len(self._weights), p=self._weights)
        start = self._speech.starts[number] + rng.integers(self._speech.lengths[number] - self._draw_samples + 1)
        return self._speech.pcm[start : start + self._draw_samples].astype(np.float32) / np.float32(32768)
