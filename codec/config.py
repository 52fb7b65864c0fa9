"""The configuration of an ESC model: `config.yaml` read into one validated, frozen record."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import yaml

from codec.errors import ModelError

CONFIG_FILE = "config.yaml"
MODEL_NAME = "csvq+swinT"
BACKBONE = "transformer"
IGNORED_KEYS = frozenset({"kernel_size", "conv_depth"})
"""Published options of the convolutional backbone, which the transformer does not read."""

SMALLEST_PADDING_HOPS = 4
MAX_CODEBOOK_SIZE = 1 << 16
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The section `model` of `config.yaml`, with the published defaults.

    Raises `ModelError` for values that no ESC network can have.
    """

    in_dim: int = 2
    in_freq: int = 192
    h_dims: tuple[int, ...] = (45, 72, 96, 144, 192, 384)
    max_streams: int = 6
    win_len: float = 20
    hop_len: float = 5
    sr: int = 16000
    patch_size: tuple[int, int] = (3, 2)
    swin_heads: tuple[int, ...] = (3, 6, 12, 24, 24)
    swin_depth: int = 2
    window_size: int = 4
    mlp_ratio: float = 4.0
    overlap: int = 2
    group_size: int = 3
    codebook_size: int = 1024
    codebook_dims: tuple[int, ...] = (8, 8, 8, 8, 8, 8)
    l2norm: bool = True
    backbone: str = BACKBONE

    def __post_init__(self) -> None:
        self._check_kind()
        self._check_sizes()
        self._check_spectrum()
        self._check_scales()
        self._check_quantizers()

    @property
    def n_fft(self) -> int:
        """Length of the Fourier transform in samples."""
        return 2 * (self.in_freq - 1)

    @property
    def window_samples(self) -> int:
        """Length of the analysis window in samples."""
        return int(self.win_len * self.sr * 1e-3)

    @property
    def hop_samples(self) -> int:
        """Samples from one STFT frame to the next."""
        return int(self.hop_len * self.sr * 1e-3)

    @property
    def frame_hops(self) -> int:
        """STFT hops in one code frame."""
        return self.patch_size[1] * self.overlap

    @property
    def frame_samples(self) -> int:
        """Samples in one code frame."""
        return self.frame_hops * self.hop_samples

    @property
    def padding_hops(self) -> int:
        """The number of STFT hops is padded to a multiple of this: four, and whole code frames."""
        return math.lcm(SMALLEST_PADDING_HOPS, self.frame_hops)

    @property
    def shortest_samples(self) -> int:
        """The shortest sound that has an STFT: its edges are mirrored over half a transform."""
        return self.n_fft // 2 + 1

    @property
    def freq_patches(self) -> int:
        """Patches along frequency at the finest scale."""
        return self.in_freq // self.patch_size[0]

    @property
    def bits_per_code(self) -> int:
        """Bits that one code takes on the wire."""
        return max(1, (self.codebook_size - 1).bit_length())

    def hops(self, samples: int) -> int:
        """STFT hops that `samples` make, padding included."""
        return -(-(1 + samples // self.hop_samples) // self.padding_hops) * self.padding_hops

    def frames(self, samples: int) -> int:
        """Code frames that `samples` make."""
        return self.hops(samples) // self.frame_hops

    def samples(self, frames: int) -> int:
        """Samples that `frames` code frames give back."""
        return (frames * self.frame_hops - 1) * self.hop_samples

    def kbps(self, num_streams: int) -> float:
        """Bitrate of the codes alone, in units of 1000 bit/s."""
        return num_streams * self.group_size * self.bits_per_code * self.sr / self.frame_samples / 1000

    def _check_kind(self) -> None:
        if self.backbone != BACKBONE:
            raise ModelError(f"backbone must be '{BACKBONE}', not '{self.backbone}': choose a swinT checkpoint")
        if self.in_dim != 2:
            raise ModelError(f"in_dim must be 2 (real and imaginary part), not {self.in_dim}")

    def _check_sizes(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if any(isinstance(number, int | float) and number is not False and number <= 0 for number in numbers):
                raise ModelError(f"{field.name} must be above zero, not {value}")
        if not math.isfinite(self.mlp_ratio) or not math.isfinite(self.win_len) or not math.isfinite(self.hop_len):
            raise ModelError("mlp_ratio, win_len and hop_len must be finite numbers")

    def _check_spectrum(self) -> None:
        if not 1 <= self.hop_samples < self.window_samples <= self.n_fft:
            raise ModelError(
                f"hop ({self.hop_samples} samples) < window ({self.window_samples}) ≤ Fourier transform "
                f"({self.n_fft}, from in_freq {self.in_freq}) must hold: check hop_len, win_len and in_freq"
            )

    def _check_scales(self) -> None:
        scales = len(self.h_dims)
        if scales < 2 or scales != self.max_streams:
            raise ModelError(f"h_dims must name one width a stream, and two at least: {scales} ≠ {self.max_streams}")
        steps = self.patch_size[0] << (scales - 1)
        if self.in_freq % steps:
            raise ModelError(f"in_freq {self.in_freq} must be a multiple of {steps} (patch and {scales - 1} halvings)")
        if len(self.swin_heads) < scales - 1:
            raise ModelError(f"swin_heads must name {scales - 1} head counts, not {len(self.swin_heads)}")
        encoder = zip(self.h_dims, self.swin_heads, strict=False)
        decoder = zip(self.h_dims[::-1], self.swin_heads[::-1], strict=False)
        last = (self.h_dims[0], self.swin_heads[0])
        for width, heads in (*list(encoder)[: scales - 1], *list(decoder)[: scales - 1], last):
            if width % heads:
                raise ModelError(f"a width of {width} (h_dims) cannot be split into {heads} heads (swin_heads)")
        if int(min(self.h_dims) * self.mlp_ratio) < 1:
            raise ModelError(f"mlp_ratio {self.mlp_ratio} leaves no hidden unit")

    def _check_quantizers(self) -> None:
        if len(self.codebook_dims) < self.max_streams:
            raise ModelError(
                f"codebook_dims must name {self.max_streams} sizes, one a stream, not {len(self.codebook_dims)}"
            )
        if not 2 <= self.codebook_size <= MAX_CODEBOOK_SIZE:
            raise ModelError(f"codebook_size must be 2 to {MAX_CODEBOOK_SIZE}, not {self.codebook_size}")
        for width, freq in self.quantizer_shapes():
            if self.group_size > width * freq * self.overlap:
                raise ModelError(f"group_size {self.group_size} is more than the {width * freq * self.overlap} values")

    def quantizer_shapes(self) -> list[tuple[int, int]]:
        """Width and frequency patches of the latent that each stream quantizes, coarsest first.

        The first two streams both work at the coarsest scale; each later one at twice the frequency patches.
        """
        coarsest = self.freq_patches >> (self.max_streams - 1)
        widths = self.h_dims[::-1]
        scales = [0, *range(self.max_streams - 1)]
        return [(widths[scale], coarsest << scale) for scale in scales]


def read_config(folder: Path) -> ModelConfig:
    """Read `config.yaml` of a model folder; raises `ModelError` naming the file and what is wrong in it."""
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}: give one that holds config.yaml and model.safetensors")
    path = folder / CONFIG_FILE
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path} is larger than {MAX_FILE_BYTES} bytes: it is not a model's configuration")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"cannot read {path} ({error.strerror}): a model folder holds {CONFIG_FILE} and model.safetensors "
            "or model.pth"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ModelError(f"{path} is not readable YAML: {' '.join(str(error).split())}") from error
    try:
        return parse_config(document)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def parse_config(document: Any) -> ModelConfig:
    """Check a parsed `config.yaml`; sections other than `model_name` and `model` concern training and are not read."""
    if not isinstance(document, dict):
        raise ModelError("the configuration must be a mapping with model_name and model")
    name = document.get("model_name")
    if name != MODEL_NAME:
        raise ModelError(f"model_name must be '{MODEL_NAME}', not '{name}'")
    model = document.get("model")
    if not isinstance(model, dict):
        raise ModelError("the section 'model' is missing")
    unknown = sorted(map(str, model.keys() - {field.name for field in fields(ModelConfig)} - IGNORED_KEYS))
    if unknown:
        raise ModelError(f"unknown option {', '.join(unknown)} in section 'model'")
    try:
        return msgspec.convert({key: value for key, value in model.items() if key not in IGNORED_KEYS}, ModelConfig)
    except msgspec.ValidationError as error:
        raise ModelError(f"section 'model': {error}") from error
