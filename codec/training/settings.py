"""What a training run is told: the section `training` of the configuration file, checked."""

import math
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from codec.config import ModelConfig, parse_config
from codec.errors import EscError, UsageError

SECTION = "training"


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is trained; every value can stand in the section `training` of the configuration file.

    Raises `UsageError` for values that cannot work.
    """

    seed: int = 0
    batch_clips: int = 8
    """The paper takes 36: on a CPU, more and smaller steps learn faster at the start."""
    clip_seconds: float = 1.04
    """The paper takes 3: the network sees less than half a second around each frame, so longer clips mostly repeat."""
    exclude: tuple[str, ...] = ("heldout",)
    """Folders inside the data that are kept for measuring."""
    augment: bool = True

    optimiser: Literal["adamw", "muon"] = "muon"
    """`muon` for the hidden matrices, AdamW for the rest, or AdamW for all, as in the paper."""
    learning_rate: float = 1.5e-3
    """Of AdamW. Larger than the paper's: fewer steps must go further."""
    muon_learning_rate: float = 2e-3
    warmup_steps: int = 100
    clip_norm: float = 3.0

    pretraining_steps: int = 600
    """Steps without quantization at the start, as in the paper, only fewer."""
    all_streams_share: float = 0.4
    """Share of steps with all streams; the others take fewer, at random."""
    revive_steps: int = 200
    """Dead codewords are moved once in so many steps."""
    dead_share: float = 0.03
    """A codeword is dead when it is used less than this share of evenly spread use."""

    mel_weight: float = 0.25
    spectrum_weight: float = 4.0
    snr_weight: float = 1.0
    loudness_weight: float = 0.5
    commitment_weight: float = 0.25

    adversarial_weight: float = 1.0
    feature_weight: float = 2.0
    discriminator_rate: float = 2e-4

    checkpoint_steps: int = 500
    log_steps: int = 50

    def __post_init__(self) -> None:
        for name in ("batch_clips", "clip_seconds", "revive_steps", "clip_norm", "checkpoint_steps", "log_steps"):
            self._check(name, getattr(self, name) > 0, "above zero")
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int | float):
                self._check(name, math.isfinite(value) and value >= 0, "a finite number, zero or above")
        self._check("all_streams_share", self.all_streams_share <= 1, "0 to 1")

    def _check(self, name: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise UsageError(f"training option {name} must be {wanted}, not {getattr(self, name)}")

    def clip_samples(self, config: ModelConfig) -> int:
        """Samples of one clip: about `clip_seconds`, and such that the hops fill whole attention windows."""
        block_hops = config.padding_hops * config.window_size
        blocks = max(1, round(self.clip_seconds * config.sr / config.hop_samples / block_hops))
        return max((blocks * block_hops - 1) * config.hop_samples, config.shortest_samples)


def read_run_config(path: Path) -> tuple[ModelConfig, TrainingSettings]:
    """Read a model's configuration and the section `training`, which may be missing.

    Raises `UsageError` naming the file and what is wrong in it.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        config = parse_config(document)
        return config, msgspec.convert(document.get(SECTION) or {}, TrainingSettings)
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path} ({error.strerror}): check --config") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: section '{SECTION}': {error}") from error
    except EscError as error:
        raise UsageError(f"{path}: {error}") from error
