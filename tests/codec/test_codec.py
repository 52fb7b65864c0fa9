import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from codec import Codec
from codec.errors import UsageError
from tests.codec.models import TINY

VECTORS = load_file(TINY / "vectors.safetensors")
CASES = [(samples, streams) for samples in (7999, 16000) for streams in (1, 3, 6)]


@pytest.fixture(scope="module")
def tiny() -> Codec:
    return Codec.load(TINY)


@pytest.mark.parametrize(("samples", "streams"), CASES)
def test_codes_equal_the_published_implementation(tiny: Codec, samples: int, streams: int) -> None:
    """Every code equals the reference's, for each length and number of streams."""
    codes = tiny.encode(VECTORS[f"audio_{samples}"], streams)
    assert torch.equal(codes, VECTORS[f"codes_{samples}_{streams}"].long())


@pytest.mark.parametrize(("samples", "streams"), CASES)
def test_sound_equals_the_published_implementation(tiny: Codec, samples: int, streams: int) -> None:
    """Every sample is within 1e-5 of the reference's."""
    decoded = tiny.decode(VECTORS[f"codes_{samples}_{streams}"])
    expected = VECTORS[f"decoded_{samples}_{streams}"]
    assert decoded.shape == expected.shape
    assert (decoded - expected).abs().max() < 1e-5


def test_numpy_in_numpy_out(tiny: Codec) -> None:
    """Arrays give arrays of the same values as tensors give, without a batch where none went in."""
    audio = VECTORS["audio_7999"][0]
    codes = tiny.encode(audio.numpy(), 3)
    assert codes.dtype == np.uint16
    assert codes.shape == (3, 3, tiny.frames(7999))
    assert np.array_equal(codes, tiny.encode(audio, 3).numpy())
    decoded = tiny.decode(codes, samples=7900)
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, tiny.decode(tiny.encode(audio, 3))[:7900].numpy())


def test_facts(tiny: Codec) -> None:
    """A codec has the facts that a link needs."""
    assert (tiny.sample_rate, tiny.max_streams, tiny.groups, tiny.frame_samples) == (16000, 6, 3, 320)
    assert (tiny.bits_per_code, tiny.kbps(6), tiny.name, tiny.device) == (8, 7.2, "tiny", "cpu")
    assert len(tiny.fingerprint) == 16


@pytest.mark.parametrize("shape", [(), (100,), (1, 2, 3000)])
def test_sound_of_another_shape_is_refused(tiny: Codec, shape: tuple[int, ...]) -> None:
    """Sound that is too short or has too many axes gives a `UsageError`."""
    with pytest.raises(UsageError, match="sound must"):
        tiny.encode(torch.zeros(shape))


@pytest.mark.parametrize("streams", [0, 7])
def test_streams_out_of_range_are_refused(tiny: Codec, streams: int) -> None:
    """The number of streams must be one that the model has."""
    with pytest.raises(UsageError, match="1 to 6"):
        tiny.encode(torch.zeros(1000), streams)


def test_codes_that_cannot_be_are_refused(tiny: Codec) -> None:
    """Codes of another shape or beyond the codebook, and more samples than there are, give a `UsageError`."""
    good = np.zeros((6, 3, 5), np.uint16)
    for bad in (good[:, :2], good[:0], np.zeros((7, 3, 5), np.uint16), good + 256, good.astype(np.int64) - 1):
        with pytest.raises(UsageError, match="codes must"):
            tiny.decode(bad)
    with pytest.raises(UsageError, match="samples"):
        tiny.decode(good, samples=1521)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "mps"])
def test_devices_that_are_not_there_are_refused(device: str) -> None:
    """A device that this machine lacks gives a `UsageError` that names it."""
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(UsageError, match=device):
        Codec.load(TINY, device=device)


@pytest.mark.parametrize("options", [{"threads": 0}, {"max_callers": 0}, {"precision": "float8"}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    """The error names the value."""
    with pytest.raises(UsageError, match=r"not 0|float8"):
        Codec.load(TINY, **options)


def test_threads_share_one_codec(tiny: Codec) -> None:
    """Concurrent calls give each caller its own result."""
    found: dict[int, bool] = {}

    def run(samples: int) -> None:
        codes = tiny.encode(VECTORS[f"audio_{samples}"], 6)
        found[samples] = torch.equal(codes, VECTORS[f"codes_{samples}_6"].long())

    threads = [threading.Thread(target=run, args=(samples,)) for samples in (7999, 16000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {7999: True, 16000: True}


@pytest.mark.parametrize("max_callers", [1, 3])
def test_so_many_calls_compute_at_once(max_callers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many calls as were asked for are in the network together, whatever the number of cores and threads."""
    codec = Codec.load(TINY, threads=1, max_callers=max_callers)
    inside, most, lock, full = 0, 0, threading.Lock(), threading.Event()

    def encode(sound: torch.Tensor, streams: int) -> torch.Tensor:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == 3:
                full.set()
        full.wait(5 if max_callers == 3 else 0.05)
        with lock:
            inside -= 1
        return torch.zeros(len(sound), streams, 3, 51)

    monkeypatch.setattr(codec, "_network", SimpleNamespace(encode=encode))
    threads = [threading.Thread(target=codec.encode, args=(np.zeros(16000, np.float32),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == max_callers


def test_bundled_model_codes_speech_rate_sound() -> None:
    """The bundled model codes 16 kHz sound at 9 kbps."""
    codec = Codec.load()
    sound = np.sin(np.arange(16000, dtype=np.float32) * 0.05) * np.float32(0.1)
    codes = codec.encode(sound)
    assert codes.shape == (6, 3, 51)
    assert codec.kbps(6) == 9.0
    assert np.isfinite(codec.decode(codes, samples=16000)).all()


def test_bundled_folder_is_package_data() -> None:
    """Configuration, weights and model card lie inside the package, where a wheel takes them along."""
    folder = Path(__file__).parents[2] / "codec" / "pretrained" / "esc-mini"
    assert {file.name for file in folder.iterdir()} == {"README.md", "config.yaml", "model.safetensors"}
