"""Numbered checkpoints to go on from, and the model folder that comes out."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file

from codec.checkpoint import BROKEN_PICKLE_ERRORS, SAFETENSORS_FILE
from codec.config import CONFIG_FILE, MODEL_NAME, ModelConfig
from codec.errors import UsageError
from codec.network.esc import ESC

CHECKPOINT_NAME = "step-{:07d}.pt"
CHECKPOINT_PATTERN = re.compile(r"step-(\d{7,})\.pt")


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write `state` as the checkpoint of `step`; it appears under its name only when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CHECKPOINT_NAME.format(step)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
    return path


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the highest number, where there is one."""
    numbered = [
        (match, path) for path in folder.glob("step-*.pt") if (match := CHECKPOINT_PATTERN.fullmatch(path.name))
    ]
    return max(numbered, key=lambda found: int(found[0][1]))[1] if numbered else None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote; raises `UsageError` where the file is not one."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except BROKEN_PICKLE_ERRORS as error:
        raise UsageError(f"{path} is not a readable checkpoint ({error}): take an earlier one") from error
    return state


def export_model(folder: Path, network: ESC) -> Path:
    """Write the model folder that `Codec.load` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"model_name": MODEL_NAME, "model": plain(network.config)}
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / SAFETENSORS_FILE)
    return folder


def plain(config: ModelConfig) -> dict[str, Any]:
    """A configuration as YAML holds it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}
