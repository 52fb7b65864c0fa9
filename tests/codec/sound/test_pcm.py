import numpy as np
import pytest

from codec.errors import UsageError
from codec.sound.pcm import PcmFormat


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("s16le@8000x1", PcmFormat("s16le", 8000, 1)),
        ("f32le@48000", PcmFormat("f32le", 48000, 1)),
        (" S24BE@44100x6 ", PcmFormat("s24be", 44100, 6)),
    ],
)
def test_a_form_is_read_as_people_write_it(text: str, form: PcmFormat) -> None:
    """Encoding, rate and channels, one channel where none are said."""
    assert PcmFormat.parse(text) == form


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("s16le", "write encoding@rate"),
        ("", "write encoding@rate"),
        ("s16le@8000x1x2", "write encoding@rate"),
        ("s12le@8000", "choose one of alaw, f32be"),
        ("s16le@0x1", "1000 to 768000 Hz"),
        ("s16le@8000x0", "1 to 64 channels"),
    ],
)
def test_another_text_is_told_what_to_write(text: str, hint: str) -> None:
    """The error names what is wrong, and an example."""
    with pytest.raises(UsageError, match=hint):
        PcmFormat.parse(text)


@pytest.mark.parametrize(
    ("encoding", "data", "expected"),
    [
        ("u8", b"\x00\x80\xff", [-1, 0, 127 / 128]),
        ("s8", b"\x80\x00\x7f", [-1, 0, 127 / 128]),
        ("s16le", b"\x00\x80\x00\x00\xff\x7f", [-1, 0, 32767 / 32768]),
        ("s16be", b"\x80\x00\x00\x00\x7f\xff", [-1, 0, 32767 / 32768]),
        ("s24le", b"\x00\x00\x80\x00\x00\x00\x00\x00\x40", [-1, 0, 0.5]),
        ("s24be", b"\x80\x00\x00\x00\x00\x00\x40\x00\x00", [-1, 0, 0.5]),
        ("s32le", b"\x00\x00\x00\x80\x00\x00\x00\x40", [-1, 0.5]),
        ("s32be", b"\x80\x00\x00\x00\x40\x00\x00\x00", [-1, 0.5]),
        ("f32le", np.array([-1, 0.5], "<f4").tobytes(), [-1, 0.5]),
        ("f64be", np.array([-1, 0.5], ">f8").tobytes(), [-1, 0.5]),
        # ITU-T G.711, tables 1a to 2b: the greatest, the least, and the codes around zero.
        ("mulaw", b"\x80\x00\xff\x7f", [32124 / 32768, -32124 / 32768, 0, 0]),
        ("alaw", b"\xaa\x2a\xd5\x55", [32256 / 32768, -32256 / 32768, 8 / 32768, -8 / 32768]),
    ],
)
def test_samples_are_decoded_to_full_scale(encoding: str, data: bytes, expected: list[float]) -> None:
    """Integers reach from −1 to just below 1; G.711 is what its tables say."""
    np.testing.assert_allclose(PcmFormat(encoding, 8000, 1).decode(data), [expected], atol=1e-7)


def test_channels_lie_side_by_side() -> None:
    """A frame holds one sample of each channel."""
    form = PcmFormat("s8", 8000, 2)
    assert form.frame_bytes == 2
    np.testing.assert_array_equal(form.decode(b"\x40\xc0\x20\xe0"), [[0.5, 0.25], [-0.5, -0.25]])
