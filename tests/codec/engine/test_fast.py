from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from codec import Codec
from codec.checkpoint import load_checkpoint
from codec.engine.fast import FastESC
from codec.engine.folding import FoldedDeEmbed, spans
from codec.engine.tiles import cut, for_tiles
from codec.errors import UsageError
from codec.network.esc import ESC
from codec.network.spectrum import PatchDeEmbed
from esc_tui.options.demo import SPEECH_SAMPLE
from tests.codec.models import TINY, random_network, small_config
from tests.codec.network.test_network import VARIANTS


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) * 0.3


def assert_same(plain: ESC, fast: FastESC, audio: torch.Tensor) -> None:
    """Hold codes equal and sound within 1e-4 of full scale for every number of streams."""
    with torch.inference_mode():
        codes = plain.encode(audio, plain.config.max_streams)
        for streams in range(1, plain.config.max_streams + 1):
            assert torch.equal(fast.encode(audio, streams), codes[:, :streams])
            expected, found = plain.decode(codes[:, :streams]), fast.decode(codes[:, :streams])
            assert (found - expected).abs().max() < 1e-4 * max(1.0, float(expected.abs().max()))


@pytest.fixture(scope="module")
def bundled() -> tuple[ESC, FastESC]:
    plain = load_checkpoint().network.requires_grad_(False)
    return plain, FastESC(plain, threads=2)


@pytest.mark.parametrize("changes", [{}, {"swin_depth": 4}, *VARIANTS], ids=str)
@pytest.mark.parametrize("samples", [257, 1003])
def test_equals_the_plain_network(changes: dict[str, Any], samples: int) -> None:
    """Codes and sound are those of the plain network, for every kind of configuration and any length."""
    plain = random_network(small_config(**changes)).requires_grad_(False)
    assert_same(plain, FastESC(plain), noise(2, samples))


@pytest.mark.parametrize("streams", range(1, 7))
def test_a_minute_of_speech_equals_the_plain_network(bundled: tuple[ESC, FastESC], streams: int) -> None:
    """Every code is that of the plain network, and the sound to 1e-4, on ten seconds for each number of streams."""
    plain, fast = bundled
    speech, rate = soundfile.read(SPEECH_SAMPLE, dtype="float32")
    part = np.roll(speech, -2 * streams * rate)[: 10 * rate]
    with torch.inference_mode():
        codes = plain.encode(torch.from_numpy(part)[None], streams)
        assert torch.equal(fast.encode(torch.from_numpy(part)[None], streams), codes)
        assert (fast.decode(codes) - plain.decode(codes)).abs().max() < 1e-4


def test_results_do_not_depend_on_threads_or_neighbours() -> None:
    """One, two and three threads give the same bits, call after call."""
    audio = noise(16000)
    one, *others = (Codec.load(TINY, threads=threads) for threads in (1, 2, 3))
    codes = one.encode(audio)
    sound = one.decode(codes)
    for codec in (*others, *others):
        assert torch.equal(codec.encode(audio), codes)
        assert torch.equal(codec.decode(codes), sound)


@pytest.mark.parametrize("patch", [(3, 2), (1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 70)])
def test_folded_convolution_is_exact_up_to_the_edges(patch: tuple[int, int], shape: tuple[int, int]) -> None:
    """The folded convolution gives every bin of the two that it replaces, the outermost ones too."""
    plain = PatchDeEmbed(4, 2, patch).requires_grad_(False)
    latent = noise(2, *shape, 4)
    assert torch.allclose(FoldedDeEmbed(plain)(latent), plain(latent), atol=1e-6)


def test_spans_cover_an_axis_once() -> None:
    """First, inner and last patches of a tile join to the tile, whatever part of the axis it is."""
    for length in range(1, 6):
        for start in range(length):
            for stop in range(start + 1, length + 1):
                found = spans(start, stop, length)
                assert [patch for span in found for patch in range(span.start, span.stop)] == list(range(start, stop))
                assert all(span.edges.first == (span.start == 0) for span in found)
                assert all(span.edges.last == (span.stop == length) for span in found)


def test_every_tensor_lies_on_the_device() -> None:
    """Nothing in a call is left on the CPU: shapes come out right on the device that holds no data."""
    with torch.device("meta"):
        plain = ESC(small_config()).requires_grad_(False)
    fast = FastESC(plain.to("meta"))
    codes = fast.encode(torch.zeros(2, 1000, device="meta"), 2)
    spectrum = fast.decode_spectrum(codes)
    assert (codes.shape, codes.device.type) == ((2, 2, 3, 32), "meta")
    assert (spectrum.shape, spectrum.device.type) == ((2, 2, 24, 128), "meta")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precisions_are_for_the_asking(precision: Any) -> None:
    """A lower precision codes too, with sound near that of float32."""
    exact, rough = Codec.load(TINY), Codec.load(TINY, precision=precision)
    codes = exact.encode(noise(8000))
    assert rough.encode(noise(8000)).shape == codes.shape
    error = rough.decode(codes) - exact.decode(codes)
    assert 0 < error.square().mean() < 0.02 * exact.decode(codes).square().mean()
    with pytest.raises(UsageError, match="precision"):
        Codec.load(TINY, precision="int8")  # type: ignore[arg-type]


def test_tiles_are_even_and_cover() -> None:
    """Tiles come in pairs of nearly equal length, none above the most."""
    for length in (1, 2, 7, 1000, 1025):
        tiles = cut(length, 100)
        assert [position for start, stop in tiles for position in range(start, stop)] == list(range(length))
        assert max(stop - start for start, stop in tiles) <= 100
        assert length == 1 or len(tiles) % 2 == 0


def test_an_error_in_a_tile_reaches_the_caller() -> None:
    """What a helper's tile raises is raised by the call, after all tiles under way have ended."""

    def fail(start: int, stop: int) -> None:
        raise ValueError(f"{start} to {stop}")

    with pytest.raises(ValueError, match="to"):
        for_tiles(fail, cut(100, 10), threads=2)
