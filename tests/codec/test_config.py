import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codec.config import ModelConfig, parse_config, read_config
from codec.errors import ModelError
from tests.codec.models import TINY, small_config


def document(**changes: Any) -> dict[str, Any]:
    return {"model_name": "csvq+swinT", "model": changes}


def test_published_defaults_give_nine_kbps_and_twenty_millisecond_frames() -> None:
    """ESC-Base codes 20 ms frames of 320 samples at 1.5 kbps a stream."""
    config = ModelConfig()
    assert (config.n_fft, config.window_samples, config.hop_samples, config.frame_samples) == (382, 320, 80, 320)
    assert [config.kbps(streams) for streams in (1, 6)] == [1.5, 9.0]


@pytest.mark.parametrize(("samples", "frames", "back"), [(16000, 51, 16240), (7999, 25, 7920), (320, 2, 560)])
def test_frame_counts(samples: int, frames: int, back: int) -> None:
    """L samples make 1 + L // 80 hops, padded to a multiple of 4, and T hops give (T − 1) · 80 samples back."""
    config = ModelConfig()
    assert config.frames(samples) == frames
    assert config.samples(frames) == back


def test_reads_the_section_model_and_nothing_else() -> None:
    """Sections about training are not read; options of the other backbone are passed over."""
    config = parse_config({**document(kernel_size=[5, 2], swin_depth=4), "loss": {"mel_weight": "?"}})
    assert config == ModelConfig(swin_depth=4)
    assert read_config(TINY).codebook_size == 256


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"h_dims": "wide"}, "h_dims"),
        ({"h_dims": [45, 72]}, "h_dims"),
        ({"backbone": "convolution"}, "backbone"),
        ({"in_freq": 100}, "in_freq"),
        ({"in_dim": 1}, "in_dim"),
        ({"swin_heads": [3, 6]}, "swin_heads"),
        ({"swin_heads": [2, 6, 12, 24, 24]}, "swin_heads"),
        ({"codebook_dims": [8]}, "codebook_dims"),
        ({"codebook_size": 1 << 20}, "codebook_size"),
        ({"group_size": 0}, "group_size"),
        ({"group_size": 9999}, "group_size"),
        ({"overlap": -1}, "overlap"),
        ({"win_len": 40}, "win_len"),
        ({"hop_len": 20}, "hop_len"),
        ({"mlp_ratio": float("nan")}, "mlp_ratio"),
        ({"swin_depth": True}, "swin_depth"),
        ({"dilation": 2}, "dilation"),
    ],
)
def test_values_that_no_network_can_have_are_named(changes: dict[str, Any], named: str) -> None:
    """A configuration that the family cannot mean gives a `ModelError` that names the option."""
    with pytest.raises(ModelError, match=named):
        parse_config(document(**changes))


@pytest.mark.parametrize(
    "broken", [None, [], {"model": {}}, {"model_name": "csvq+conv", "model": {}}, document() | {"model": 3}]
)
def test_other_documents_are_refused(broken: Any) -> None:
    """What is not the configuration of a csvq+swinT model gives a `ModelError`."""
    with pytest.raises(ModelError):
        parse_config(broken)


@pytest.mark.parametrize("text", [b"model: [", b"\xff\xfe\x00", b"!!python/object:os.system {}", b"x" * (2 << 20)])
def test_unreadable_files_are_named(tmp_path: Path, text: bytes) -> None:
    """A file that is not YAML, or asks for objects, or is huge, gives a `ModelError` that names it."""
    (tmp_path / "config.yaml").write_bytes(text)
    with pytest.raises(ModelError, match=r"config\.yaml"):
        read_config(tmp_path)


def test_one_group_more_bits_for_codebooks_that_are_no_power_of_two() -> None:
    """Codes of a codebook of 33 vectors take 6 bits."""
    assert small_config(codebook_size=33).bits_per_code == 6


def test_needs_no_torch() -> None:
    """Reading a configuration loads no torch."""
    code = "import sys, codec.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
