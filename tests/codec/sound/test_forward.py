"""Sound from a pipe, which comes in pieces of any length and cannot be read again."""

import io
import struct
import sys
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from codec.errors import AudioFileError, IncompleteSound
from codec.sound.forward import ForwardSound, open_forward
from codec.sound.pcm import PcmFormat
from codec.types import Audio

RATE = 8000
SOUND = np.random.default_rng(0).integers(-20000, 20000, 5000).astype(np.int16)


def written(form: str, subtype: str = "PCM_16", sound: Audio = SOUND) -> bytes:
    """The sound as a whole file."""
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format=form, subtype=subtype)
    return file.getvalue()


def pipe(data: bytes, piece: int) -> Callable[[int], bytes]:
    """A pipe that gives pieces of so many bytes."""
    file = io.BytesIO(data)
    return lambda most: file.read(min(most, piece))


def joined(sound: ForwardSound) -> Audio:
    return np.concatenate(list(sound.pieces), axis=1)


def sized(data: bytes, size: int) -> bytes:
    """A WAV as a program writes it that does not know the length."""
    at = data.index(b"data") + 4
    return data[:4] + struct.pack("<I", size) + data[8:at] + struct.pack("<I", size) + data[at + 4 :]


WAV = written("WAV")
FORMS = {
    "WAV": WAV,
    "sox": sized(WAV, 0x7FFFF000),
    "arecord": sized(WAV, 0x80000000),
    "ffmpeg": sized(WAV, 0xFFFFFFFF),
    "crashed": sized(WAV, 0),
    "extensible": written("WAVEX"),
    "24 bits": written("WAV", "PCM_24"),
    "float": written("WAV", "FLOAT", SOUND / np.float64(32768)),
    "RF64": written("RF64"),
    "AU": written("AU"),
    "AU without a length": written("AU")[:8] + b"\xff" * 4 + written("AU")[12:],
    "a chunk before": WAV[:12] + b"LIST\x03\x00\x00\x00abc\x00" + WAV[12:],
    "a chunk behind": WAV + b"LIST\x04\x00\x00\x00abcd",
}


@pytest.mark.parametrize("piece", [1, 7, 4096])
@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_write_a_length_gives_the_whole_sound(form: str, piece: int) -> None:
    """Known, unknown, zero or greatest: the samples are those of the file, whatever the pieces."""
    sound = open_forward(pipe(FORMS[form], piece))
    assert (sound.rate, sound.channels) == (RATE, 1)
    np.testing.assert_array_equal(joined(sound)[0] * 32768, SOUND)


@pytest.mark.parametrize("piece", [1, 4096])
def test_raw_pcm_needs_no_header(piece: int) -> None:
    """What looks like one is sound."""
    data = WAV + SOUND.tobytes()
    sound = joined(open_forward(pipe(data + b"\x00", piece), PcmFormat("s16le", RATE, 1)))
    np.testing.assert_array_equal(sound[0] * 32768, np.frombuffer(data, "<i2"))


def test_a_piece_is_given_as_soon_as_it_has_come() -> None:
    """Live sound does not wait for a block to fill."""
    asked: list[int] = []
    chunks = iter([WAV[:44], WAV[44:104], b""])

    def read(most: int) -> bytes:
        asked.append(most)
        return io.BytesIO(next(chunks)).read(most)

    def by_bytes(most: int, held: list[bytes] = [b""]) -> bytes:  # noqa: B006 - the pipe's buffer
        held[0] = held[0] or read(1 << 20)
        given, held[0] = held[0][:most], held[0][most:]
        return given

    pieces = open_forward(by_bytes).pieces
    assert next(pieces).shape == (1, 30)
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["WAV", "RF64", "AU"])
def test_an_end_that_comes_too_early_is_told(name: str) -> None:
    """After all that has come, with both lengths."""
    sound = open_forward(pipe(FORMS[name][:-6000], 4096))
    pieces = []
    with pytest.raises(IncompleteSound, match=r"ended after 0\.25 of 0\.62 s"):  # noqa: PT012 - as they come
        for piece in sound.pieces:
            pieces.append(piece)  # noqa: PERF402 - likewise
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1)[0] * 32768, SOUND[:2000])


def test_nothing_is_no_sound() -> None:
    """A writer that ends without a word is told as such."""
    with pytest.raises(AudioFileError, match="empty"):
        open_forward(pipe(b"", 1))


@pytest.mark.parametrize("form", ["FLAC", "OGG"])
def test_what_ffmpeg_reads_forward_is_read(form: str) -> None:
    """Compressed sound goes through PyAV."""
    pytest.importorskip("av", reason="PyAV is not installed")
    data = written(form, "PCM_16" if form == "FLAC" else "VORBIS")
    codec_frame = 0 if form == "FLAC" else 1024  # which the last one fills
    sound = open_forward(pipe(data, 333))
    assert sound.rate == RATE
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    read = joined(sound)[0]
    assert 0 <= len(read) - len(expected) <= codec_frame
    whole = len(expected) - codec_frame
    np.testing.assert_allclose(read[:whole], expected[:whole], atol=1e-4)


def test_a_damaged_stream_gives_what_can_be_decoded_and_says_so() -> None:
    """The rest is not lost with it."""
    pytest.importorskip("av", reason="PyAV is not installed")
    long_sound = np.random.default_rng(1).integers(-9000, 9000, 80000).astype(np.int16)
    data = bytearray(written("FLAC", sound=long_sound))
    data[60000:60300] = bytes(300)
    pieces = []
    with pytest.raises(IncompleteSound, match="could not be decoded"):  # noqa: PT012 - as they come
        for piece in open_forward(pipe(bytes(data), 4096)).pieces:
            pieces.append(piece)  # noqa: PERF402 - likewise
    assert sum(piece.shape[1] for piece in pieces) > 60000


def test_text_is_no_sound() -> None:
    """The advice is to say what raw PCM is."""
    pytest.importorskip("av", reason="PyAV is not installed")
    with pytest.raises(AudioFileError, match="say --raw if it is raw PCM"):
        open_forward(pipe(b"Dear reader, this is no sound at all.\n" * 200, 4096))


def test_without_pyav_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """WAV, AU and raw PCM need nothing more; the rest does."""
    monkeypatch.setitem(sys.modules, "av", None)
    np.testing.assert_array_equal(joined(open_forward(pipe(WAV, 4096)))[0] * 32768, SOUND)
    with pytest.raises(AudioFileError, match="pip install av"):
        open_forward(pipe(written("FLAC"), 4096))
