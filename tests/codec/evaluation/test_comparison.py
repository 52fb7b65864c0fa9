import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec import Codec
from codec.chunks.plan import ChunkPlan, Stitching
from codec.errors import EscError
from codec.evaluation.__main__ import main
from codec.evaluation.comparison import read_recordings, score_model, score_stitching
from codec.evaluation.metrics import si_sdr_db
from codec.evaluation.rivals import OGG_HEADER, Rival, aligned, all_rivals, ogg_payload_bytes
from codec.types import Audio
from tests.conftest import needs_metrics

RATE = 16000
TINY = Path(__file__).parents[2] / "data" / "golden" / "tiny"


@pytest.fixture
def voice() -> Audio:
    time_s = np.arange(RATE) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 30 * np.sin(6 * time_s)) / RATE
    tone = sum(np.sin(order * pitch) / order for order in range(1, 12)) * (1 + np.sin(20 * time_s))
    return (0.1 * tone).astype(np.float32)


@pytest.mark.parametrize("shift", [-700, 0, 500])
def test_delays_are_taken_out(voice: Audio, shift: int) -> None:
    """A coder's delay, or its lead, does not count against it, and the length is the original's."""
    moved = np.concatenate([np.zeros(shift, np.float32), voice]) if shift > 0 else voice[-shift:]
    found, lost = aligned(voice, moved), max(0, -shift)
    assert found.shape == voice.shape
    assert not found[:lost].any()
    assert si_sdr_db(voice[lost:], found[lost:]) > 60


def page(*segments: int) -> bytes:
    header = OGG_HEADER.pack(b"OggS", 0, 0, 0, 0, 0, 0, len(segments))
    return header + bytes(segments) + bytes(sum(segments))


def test_only_sound_packets_are_counted() -> None:
    """Page headers and the two packets before the sound are no payload; packets may span segments and pages."""
    assert ogg_payload_bytes(page(19) + page(255, 100) + page(255, 255) + page(10, 40)) == 255 + 255 + 10 + 40
    with pytest.raises(EscError, match="not an Ogg file"):
        ogg_payload_bytes(b"RIFF" + bytes(60))


@pytest.mark.parametrize("rival", all_rivals(), ids=lambda rival: rival.name)
def test_rivals_give_sound_and_their_bitrate(rival: Rival, voice: Audio) -> None:
    """Where its tools are installed, a coder gives as much sound as it got, near its nominal bitrate."""
    if rival.missing_tools:
        pytest.skip(f"not installed: {', '.join(rival.missing_tools)}")
    decoded, size_bytes = rival.run(voice)
    assert decoded.shape == voice.shape
    assert 2.5 < size_bytes * 8 / 1000 / (len(voice) / RATE) < 14


def test_every_stream_count_and_codebook_is_measured(tiny_codec: Codec, voice: Audio) -> None:
    """There are scores for each number of streams and figures for each codebook, and bitrates are real ones."""
    scores, books = score_model(tiny_codec, [voice, voice[:9000]])
    assert len(scores) == tiny_codec.max_streams
    assert len(books) == tiny_codec.max_streams * tiny_codec.groups
    for number, score in enumerate(scores, 1):
        kbps = score.mean("kbps")
        assert kbps is not None
        assert tiny_codec.kbps(number) < kbps < 1.1 * tiny_codec.kbps(number)
        assert score.mean("si_sdr_db") is not None
    assert all(0 <= book.bits_share <= 1 and book.perplexity <= book.codewords_used + 1e-6 for book in books)


def test_chunks_are_measured_as_links_carry_them(tiny_codec: Codec, voice: Audio) -> None:
    """Seamless chunks take the bits of the whole sound, overlapping ones more; both give sound of its quality."""
    whole = score_model(tiny_codec, [voice])[0][-1]
    seamless, crossfaded = (
        score_stitching(tiny_codec, [voice], plan)
        for plan in (ChunkPlan(6400, 0, Stitching.SEAMLESS), ChunkPlan(6400, 1600, Stitching.CROSSFADE))
    )
    assert seamless.mean("kbps") == whole.mean("kbps")
    assert seamless.mean("si_sdr_db") == pytest.approx(whole.mean("si_sdr_db"), abs=1e-3)
    kbps = crossfaded.mean("kbps")
    assert kbps is not None
    assert kbps > 1.15 * tiny_codec.kbps(tiny_codec.max_streams)


def test_recordings_are_cut_to_their_middle(tmp_path: Path, voice: Audio) -> None:
    """Long recordings count no more than short ones; other files are passed over."""
    soundfile.write(tmp_path / "long.wav", voice, RATE)
    soundfile.write(tmp_path / "short.flac", voice[:4000], RATE)
    (tmp_path / "notes.txt").write_text("not sound")
    lengths = {name: len(sound) for name, sound in read_recordings([tmp_path], 0.5)}
    assert lengths == {"long.wav": 8000, "short.flac": 4000}


@needs_metrics
def test_the_report_is_printed_and_written(
    tmp_path: Path, voice: Audio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row a coder; tools that are missing are named, not an error; the JSON holds the same figures."""
    soundfile.write(tmp_path / "voice.wav", voice, RATE)
    monkeypatch.setenv("PATH", "")
    figures = tmp_path / "quality.json"
    assert main(["--data", str(tmp_path), "--model", str(TINY), "--json", str(figures)]) == 0
    shown = capsys.readouterr().out
    assert "tiny, 1 stream |" in shown
    assert "opusenc and opusdec not installed" in shown
    document = json.loads(figures.read_text())
    assert len(document["coders"]) == Codec.load(TINY).max_streams + 2
    assert "crossfade chunks, 100 ms of overlap" in shown
    assert main(["--data", str(tmp_path / "nowhere")]) == 2
    assert "--data" in capsys.readouterr().err
