"""Finding and loading a model folder, with every tensor checked.

A folder holds `config.yaml` and `model.safetensors`, or `model.pth` in the published form
`{"model_state_dict": {name: tensor}}`. Nothing in it is run: `torch.load` only unpickles tensors.
"""

import hashlib
import importlib.resources
import json
import pickle
import struct
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from codec.config import ModelConfig, read_config
from codec.errors import ModelError
from codec.network.esc import ESC
from codec.network.swin import relative_positions

SAFETENSORS_FILE = "model.safetensors"
PTH_FILE = "model.pth"
STATE_KEY = "model_state_dict"
BUNDLED_MODEL = "esc-mini"

WINDOW_TENSORS = frozenset({"ft.window", "ift.window"})
"""Buffers in published files that the configuration determines; nothing else may stand beside the network's tensors."""
POSITION_INDEX = "relative_position_index"

NAMES_SHOWN = 3
FINGERPRINT_BYTES = 8

BROKEN_PICKLE_ERRORS = (
    pickle.UnpicklingError,
    RuntimeError,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ImportError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)
"""What `torch.load` raises for files that are broken, cut off or hostile."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A model folder, loaded and checked."""

    name: str
    """The folder's name."""
    config: ModelConfig
    network: ESC
    """On the CPU, float32, ready to train or to evaluate."""
    fingerprint: str
    """16 hexadecimal digits over configuration and tensors: equal for equal models in either file format."""


def bundled_folder() -> Path:
    """The model that comes with the package."""
    return Path(str(importlib.resources.files("codec"))) / "pretrained" / BUNDLED_MODEL


def load_checkpoint(folder: Path | str | None = None) -> Checkpoint:
    """Load a model folder, or the bundled model.

    Raises `ModelError` where a file is missing or broken, the model is of another kind, or a tensor is missing, extra,
    misshapen or not finite.
    """
    path = bundled_folder() if folder is None else Path(folder)
    config = read_config(path)
    file = find_weights(path)
    tensors = read_safetensors(file) if file.name == SAFETENSORS_FILE else read_pth(file)
    try:
        network = build_network(config, tensors)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
    return Checkpoint(path.resolve().name, config, network, fingerprint(config, network.state_dict()))


def find_weights(folder: Path) -> Path:
    """The file with the weights; `model.safetensors` goes before `model.pth`."""
    for name in (SAFETENSORS_FILE, PTH_FILE):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"{folder} holds neither {SAFETENSORS_FILE} nor {PTH_FILE}: put the model's weights there")


def read_safetensors(file: Path) -> dict[str, Tensor]:
    """Read a safetensors file; raises `ModelError` where it is broken."""
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{file} is not a readable safetensors file ({error}): copy it again") from error


def read_pth(file: Path) -> dict[str, Tensor]:
    """Read a file in the published form; raises `ModelError` where it is broken or holds more than tensors."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about pickles that torch did not write; those fail anyway
            document = torch.load(file, map_location="cpu", weights_only=True)
    except BROKEN_PICKLE_ERRORS as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{file} is not a readable checkpoint ({reason}): copy it again") from error
    tensors = document.get(STATE_KEY) if isinstance(document, Mapping) else None
    if not isinstance(tensors, Mapping):
        raise ModelError(f"{file} has no '{STATE_KEY}': it is not a published ESC checkpoint")
    wrong = [str(name) for name, value in tensors.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if wrong:
        raise ModelError(f"{file}: {shown(wrong)} in '{STATE_KEY}' must be a tensor with a name")
    return dict(tensors)


def build_network(config: ModelConfig, tensors: Mapping[str, Tensor]) -> ESC:
    """The network of `config` with these tensors; raises `ModelError` naming each tensor that does not fit."""
    with torch.device("meta"):
        network = ESC(config)
    expected = network.state_dict()
    own = {name: tensor for name, tensor in tensors.items() if name not in WINDOW_TENSORS}
    check_tensors(expected, own)
    index = relative_positions(config.window_size)
    for name, tensor in own.items():
        if name.endswith(POSITION_INDEX) and not torch.equal(tensor, index):
            raise ModelError(f"tensor {name} does not number the positions of a window of {config.window_size}")
    cast = {name: tensor.to(expected[name].dtype).contiguous() for name, tensor in own.items()}
    network.load_state_dict(cast, assign=True)
    return network.eval()


def check_tensors(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Compare names, shapes, kinds and finiteness of `found` with what the configuration asks for."""
    if missing := sorted(expected.keys() - found.keys()):
        raise ModelError(f"{len(missing)} tensors of the configured model are missing: {shown(missing)}")
    if extra := sorted(found.keys() - expected.keys()):
        raise ModelError(f"{len(extra)} tensors do not belong to the configured model: {shown(extra)}")
    for name, tensor in sorted(found.items()):
        wanted = expected[name]
        if tensor.shape != wanted.shape:
            raise ModelError(f"tensor {name} has shape {list(tensor.shape)}, the model needs {list(wanted.shape)}")
        if tensor.is_floating_point() != wanted.is_floating_point() or tensor.layout != torch.strided:
            raise ModelError(f"tensor {name} is {tensor.dtype} ({tensor.layout}), the model needs {wanted.dtype}")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ModelError(f"tensor {name} holds values that are not finite: the model is damaged")


def fingerprint(config: ModelConfig, tensors: Mapping[str, Tensor]) -> str:
    """16 hexadecimal digits over a configuration and its tensors, in any order and from either file format."""
    digest = hashlib.blake2b(json.dumps(asdict(config), sort_keys=True).encode(), digest_size=FINGERPRINT_BYTES)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def shown(names: list[str]) -> str:
    """The first few of many names."""
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
