import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from codec.checkpoint import load_checkpoint
from codec.errors import ModelError
from tests.codec.models import TINY, random_network, small_config, write_folder

Tensors = dict[str, torch.Tensor]
PROJ = "encoder.pre_nn.swint_blocks.0.attn.proj.weight"
INDEX = "encoder.pre_nn.swint_blocks.0.attn.relative_position_index"


@pytest.fixture
def tensors() -> Tensors:
    return {name: tensor.detach().clone() for name, tensor in random_network(small_config()).state_dict().items()}


def test_bundled_model_loads_by_default() -> None:
    """With no folder named, the model inside the package loads."""
    checkpoint = load_checkpoint()
    assert checkpoint.name == "esc-mini"
    assert checkpoint.config.max_streams == 6


def test_both_file_formats_have_one_fingerprint(tmp_path: Path, tensors: Tensors) -> None:
    """Equal weights and configuration give equal fingerprints, from model.pth and from model.safetensors."""
    config = small_config()
    published = load_checkpoint(write_folder(tmp_path / "a", config, tensors, published=True))
    safe = load_checkpoint(write_folder(tmp_path / "b", config, tensors))
    assert published.fingerprint == safe.fingerprint
    assert len(safe.fingerprint) == 16
    assert (published.name, safe.name) == ("a", "b")


def test_fingerprint_tells_models_apart(tmp_path: Path, tensors: Tensors) -> None:
    """One changed weight, or one changed option, changes the fingerprint."""
    prints = {load_checkpoint(write_folder(tmp_path / "a", small_config(), tensors)).fingerprint}
    prints.add(load_checkpoint(write_folder(tmp_path / "b", small_config(l2norm=False), tensors)).fingerprint)
    tensors[PROJ][0, 0] += 1e-3
    prints.add(load_checkpoint(write_folder(tmp_path / "c", small_config(), tensors)).fingerprint)
    assert len(prints) == 3


def drop(tensors: Tensors) -> None:
    del tensors[PROJ]


def add(tensors: Tensors) -> None:
    tensors["extra.weight"] = torch.zeros(1)


def misshape(tensors: Tensors) -> None:
    tensors[PROJ] = tensors[PROJ][:, :-1]


def spoil(tensors: Tensors) -> None:
    tensors[PROJ][0, 0] = float("nan")


def retype(tensors: Tensors) -> None:
    tensors[PROJ] = tensors[PROJ].long()


def renumber(tensors: Tensors) -> None:
    tensors[INDEX] = tensors[INDEX].flip(0)


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (drop, PROJ),
        (add, r"extra\.weight"),
        (misshape, PROJ),
        (spoil, "not finite"),
        (retype, "int64"),
        (renumber, INDEX),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tmp_path: Path, tensors: Tensors, change: Callable[[Tensors], None], named: str, published: bool
) -> None:
    """A missing, extra, misshapen, non-finite or mistyped tensor gives a `ModelError` that names it and the file."""
    change(tensors)
    folder = write_folder(tmp_path, small_config(), tensors, published)
    with pytest.raises(ModelError, match=named) as caught:
        load_checkpoint(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"junk", b"\xff" * 64, b"PK\x03\x04junk", b"\x80\x04."])
def test_broken_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that is empty, cut off or something else gives a `ModelError` that names it."""
    write_folder(tmp_path, small_config(), {})
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("published", [False, True])
def test_files_cut_off_are_named(tmp_path: Path, tensors: Tensors, published: bool, kept: float) -> None:
    """A file that lost its end gives a `ModelError`."""
    write_folder(tmp_path, small_config(), tensors, published)
    file = tmp_path / ("model.pth" if published else "model.safetensors")
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ModelError, match=file.name):
        load_checkpoint(tmp_path)


class Trap:
    """Runs when unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (Path.touch, (Path("sprung"),))  # type: ignore[return-value]


@pytest.mark.parametrize("zipped", [False, True])
def test_nothing_in_a_checkpoint_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    """A pickle that asks for a call is refused, and the call is not made."""
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path, small_config(), {})
    (tmp_path / "model.safetensors").unlink()
    if zipped:
        torch.save({"model_state_dict": Trap()}, tmp_path / "model.pth")
        assert zipfile.is_zipfile(tmp_path / "model.pth")
    else:
        buffer = io.BytesIO()
        pickle.dump({"model_state_dict": Trap()}, buffer)
        (tmp_path / "model.pth").write_bytes(buffer.getvalue())
    with pytest.raises(ModelError, match=r"model\.pth"):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_other_documents_are_refused(tmp_path: Path) -> None:
    """A checkpoint without the published key, or with something other than tensors in it, is refused."""
    write_folder(tmp_path, small_config(), {})
    (tmp_path / "model.safetensors").unlink()
    for document in ({"weights": {}}, [1], {"model_state_dict": {"a": 1}}):
        torch.save(document, tmp_path / "model.pth")
        with pytest.raises(ModelError, match=r"model\.pth"):
            load_checkpoint(tmp_path)


def test_missing_folders_and_files_are_named(tmp_path: Path) -> None:
    """A folder that is not there, or lacks a file, gives a `ModelError` that says what to put there."""
    with pytest.raises(ModelError, match="nowhere"):
        load_checkpoint(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"config\.yaml"):
        load_checkpoint(tmp_path)
    (tmp_path / "config.yaml").write_text((TINY / "config.yaml").read_text())
    with pytest.raises(ModelError, match=r"model\.safetensors nor model\.pth"):
        load_checkpoint(tmp_path)


def test_loaded_tensors_are_those_of_the_file(tmp_path: Path, tensors: Tensors) -> None:
    """Every parameter of the network holds the file's values, and can be trained further."""
    folder = write_folder(tmp_path, small_config(), tensors)
    network = load_checkpoint(folder).network
    stored = load_file(folder / "model.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
