import json
from typing import Any

import pytest
import torch

from codec.config import ModelConfig, parse_config
from codec.network.esc import ESC
from codec.network.quantize import split_evenly
from codec.network.swin import relative_positions, shift_mask
from tests.codec.models import GOLDEN, random_network, small_config

VARIANTS: list[dict[str, Any]] = [
    {"patch_size": (2, 1), "overlap": 4},
    {"patch_size": (6, 4), "overlap": 1},
    {"patch_size": (3, 2), "overlap": 3},
    {"swin_depth": 1},
    {"swin_depth": 3, "window_size": 3},
    {"window_size": 1},
    {"window_size": 8},
    {"group_size": 1},
    {"group_size": 5},
    {"codebook_size": 33, "l2norm": False},
    {"mlp_ratio": 1.3},
    {"h_dims": (4, 8), "max_streams": 2, "swin_heads": (4, 2)},
    {
        "in_freq": 96,
        "h_dims": (4, 6, 6, 12, 12),
        "max_streams": 5,
        "swin_heads": (1, 2, 3, 4),
        "codebook_dims": (4,) * 6,
    },
]


@pytest.mark.parametrize("name", ["esc-base", "esc-large"])
def test_published_tensors(name: str) -> None:
    """The published configurations give every published tensor, in name and shape, and no other."""
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    with torch.device("meta"):
        network = ESC(parse_config(document))
    built = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    published = {key: shape for key, shape in document["tensors"].items() if key not in {"ft.window", "ift.window"}}
    assert built == published


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_every_configuration_of_the_family_codes(changes: dict[str, Any]) -> None:
    """Sound of any length comes back as long as its hops say, and fewer streams are a prefix of more."""
    config = small_config(**changes)
    network = random_network(config)
    for samples in (config.shortest_samples, 257, 1000):
        audio = torch.randn(2, samples, generator=torch.Generator().manual_seed(samples))
        with torch.inference_mode():
            codes = network.encode(audio, config.max_streams)
            assert codes.shape == (2, config.max_streams, config.group_size, config.frames(samples))
            assert torch.equal(network.encode(audio, 1), codes[:, :1])
            assert network.decode(codes[:, :2]).shape == (2, config.samples(codes.shape[-1]))


@pytest.mark.parametrize("streams", [1, 2, 3])
def test_training_pass_equals_coding(streams: int) -> None:
    """The pass that training takes gives the codes of `encode` and the sound of `decode`."""
    network = random_network(small_config())
    audio = torch.randn(2, 800, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        decoded, coded = network(audio, streams)
        codes = network.encode(audio, streams)
        assert torch.equal(torch.stack(coded.codes, 1), codes)
        assert torch.allclose(decoded, network.decode(codes), atol=1e-5)


def test_training_reaches_every_parameter() -> None:
    """Reconstruction, commitment and codebook losses of one pass move every parameter of the network."""
    network = random_network(small_config()).train()
    decoded, coded = network(torch.randn(2, 800, generator=torch.Generator().manual_seed(2)), 3)
    losses = [decoded.square().mean(), *coded.commitment_losses, *coded.codebook_losses]
    torch.stack(losses).sum().backward()
    still = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert still == []
    assert len(coded.codebook_losses) == len(coded.commitment_losses) == 3


def test_freezing_leaves_out_quantization() -> None:
    """A frozen pass has no codes, no codebook losses, and leaves the codebooks without gradient."""
    network = random_network(small_config()).train()
    decoded, coded = network(torch.randn(1, 800, generator=torch.Generator().manual_seed(3)), 3, freeze=True)
    decoded.square().mean().backward()
    assert coded.codes == []
    assert all(float(loss) == 0 for loss in coded.codebook_losses)
    assert network.quantizers[0].vqs[0].embedding.weight.grad is None
    assert network.quantizers[0].down_projs[0].weight.grad is not None


def test_last_group_takes_the_remainder() -> None:
    """Groups split a vector as evenly as whole numbers allow, with the rest in the last."""
    assert split_evenly(10, 3) == [3, 3, 4]
    assert split_evenly(6, 3) == [2, 2, 2]


def test_positions_count_every_offset_of_a_window() -> None:
    """Each row of the bias table belongs to one offset between two patches."""
    index = relative_positions(4)
    assert index.shape == (16, 16)
    assert sorted(set(index.flatten().tolist())) == list(range(49))
    assert set(index.diagonal().tolist()) == {24}


def test_mask_parts_what_the_shift_joined() -> None:
    """Only windows at the far edges hold patches of different regions; all others attend freely."""
    mask = shift_mask(8, 12, 4)
    assert mask.shape == (6, 16, 16)
    assert [bool(window.any()) for window in mask] == [False, False, True, True, True, True]
    assert set(mask.flatten().tolist()) == {0.0, -100.0}


def test_default_configuration_is_esc_base() -> None:
    """A network built with no options has the 6 streams and 192 bins of ESC-Base."""
    with torch.device("meta"):
        network = ESC(ModelConfig())
    assert len(network.quantizers) == 6
