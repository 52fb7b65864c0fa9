"""Model folders for tests: small networks with random weights in the published form."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file

from codec.config import MODEL_NAME, ModelConfig
from codec.network.esc import ESC

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
TINY = GOLDEN / "tiny"

SMALL: dict[str, Any] = {
    "in_freq": 24,
    "h_dims": (4, 6, 12),
    "max_streams": 3,
    "win_len": 2,
    "hop_len": 0.5,
    "patch_size": (3, 2),
    "swin_heads": (2, 3),
    "swin_depth": 2,
    "mlp_ratio": 2.0,
    "group_size": 3,
    "codebook_size": 32,
    "codebook_dims": (4, 4, 3),
}
"""A configuration whose network runs in milliseconds: a hop of 8 samples, a code frame of 32."""


def small_config(**changes: Any) -> ModelConfig:
    """`SMALL` with changes."""
    return ModelConfig(**(SMALL | changes))


def random_network(config: ModelConfig, seed: int = 0) -> ESC:
    """A network with random weights, biases and normalisations, the same for each seed."""
    generator = torch.Generator().manual_seed(seed)
    network = ESC(config).eval()
    for parameter in network.parameters():
        spread = 0.3 if parameter.dim() == 1 else 1.5 / parameter[0].numel() ** 0.5
        parameter.data = torch.randn(parameter.shape, generator=generator) * spread
    return network


def write_folder(folder: Path, config: ModelConfig, tensors: dict[str, torch.Tensor], published: bool = False) -> Path:
    """Write a model folder, with `model.pth` and its window buffers where `published`."""
    folder.mkdir(parents=True, exist_ok=True)
    model = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(config).items()}
    document = {"model_name": MODEL_NAME, "model": model, "data": {"train": "elsewhere"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(document))
    if published:
        window = torch.hann_window(config.window_samples)
        torch.save({"model_state_dict": {"ft.window": window, "ift.window": window, **tensors}}, folder / "model.pth")
    else:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder
