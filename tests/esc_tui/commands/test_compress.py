import io
import json
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from codec import compress, decompress
from codec.chunks.plan import ChunkPlan
from codec.codec import Codec
from codec.container import EscReader
from codec.engine.fast import FastESC
from codec.sound.wav import to_pcm16
from esc_tui.cli import run
from esc_tui.errors import ExitCode
from tests.codec.sound.sounds import coded, damaged, noise, pcm16, wav
from tests.conftest import DEADLINE_S, needs_metrics
from tests.esc_tui.commands.small_model import MODEL, names
from tests.net.links import PLAN, locally_coded, write_speech

pytestmark = pytest.mark.usefixtures("one_core")

CHUNKS = ["--streaming", "--chunk-size", str(PLAN.chunk_samples), "--overlap-size", str(PLAN.overlap_samples)]


def test_a_file_gives_its_codes_and_what_becomes_of_it(tmp_path: Path, tiny_codec: Codec) -> None:
    """Both files are written under the reference's names, and hold what the Python interface gives."""
    source = write_speech(tmp_path / "speech.wav", 20001)
    assert run(["compress", str(source), "--num-streams", "2", "--save-path", str(tmp_path / "out"), *MODEL]) == 0
    assert names(tmp_path / "out") == ["decoded_2.4kbps_speech.wav", "encoded_2.4kbps_speech.esc"]
    sound, rate = soundfile.read(source, dtype="float32")
    decoded, decoded_rate = soundfile.read(tmp_path / "out" / "decoded_2.4kbps_speech.wav", dtype="int16")
    again = decompress(tmp_path / "out" / "encoded_2.4kbps_speech.esc", tiny_codec)
    assert decoded_rate == rate
    np.testing.assert_array_equal(decoded, to_pcm16(again))
    assert (tmp_path / "out" / "encoded_2.4kbps_speech.esc").read_bytes() == compress(sound, tiny_codec, num_streams=2)


def test_chunks_are_those_of_the_link(tmp_path: Path, tiny_codec: Codec) -> None:
    """With --streaming the result is, sample for sample, what a receiver saves of the same file."""
    source = write_speech(tmp_path / "speech.wav", 40001, rate=44100, channels=2)
    assert run(["compress", "--input", str(source), *CHUNKS, "--save-path", str(tmp_path / "out"), *MODEL]) == 0
    decoded, _ = soundfile.read(tmp_path / "out" / "decoded_7.2kbps_speech.wav", dtype="int16")
    np.testing.assert_array_equal(decoded, locally_coded(source, tiny_codec))
    with EscReader(tmp_path / "out" / "encoded_7.2kbps_speech.esc") as reader:
        assert reader.header.plan == PLAN
        assert reader.header.source_rate == 44100


def test_one_broken_file_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever lies in a folder: what is sound is coded, what is not is named at the end, and the exit code is 1."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    rng = np.random.default_rng(0)
    soundfile.write(folder / "mulaw.wav", rng.normal(0, 0.1, 8000), 8000, subtype="ULAW")
    soundfile.write(folder / "stereo.flac", rng.normal(0, 0.1, (44100, 2)), 44100)
    soundfile.write(folder / "float.wav", rng.normal(0, 0.1, 48000), 48000, subtype="FLOAT")
    soundfile.write(folder / "opus.opus", rng.normal(0, 0.1, 48000), 48000, format="OGG", subtype="OPUS")
    soundfile.write(folder / "layer3.mp3", rng.normal(0, 0.1, 44100), 44100)
    soundfile.write(folder / "silence.wav", np.zeros(16000), 16000)
    soundfile.write(folder / "loud.wav", rng.choice([-1.0, 1.0], 16000), 16000)
    soundfile.write(folder / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    soundfile.write(folder / "nothing.wav", np.zeros(0), 16000)
    soundfile.write(folder / "one.wav", np.full(1, 0.5), 16000)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("This is no sound.\n" * 100)
    code = run(["compress", str(folder), "--save-path", str(tmp_path / "out"), "--json", *MODEL])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = {Path(line["name"]).name for line in lines if line.get("state") == "failed"}
    assert code == ExitCode.PARTLY_FAILED
    assert failed == {"empty.wav", "text.wav"}
    assert lines[-1]["files"]["done"] == 10
    assert len(lines[-1]["errors"]) == 2
    assert len(names(tmp_path / "out")) == 20
    spoiled = next(line for line in lines if line["type"] == "file" and line["name"].endswith("nan.wav"))
    assert spoiled["non_finite_samples"] == 16000
    for path in (tmp_path / "out").glob("*.wav"):
        assert np.isfinite(soundfile.read(path)[0]).all()


def test_a_file_of_which_a_part_is_missing_is_coded_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The part that is missing is told, in the file's codes too, and the exit code is 1."""
    (tmp_path / "cut.wav").write_bytes(wav(pcm16(noise(2.0)))[:32044])
    (tmp_path / "killed.wav").write_bytes(wav(pcm16(noise(2.0)), 0, 36))
    paths = [str(tmp_path / "cut.wav"), str(tmp_path / "killed.wav")]
    code = run(["compress", *paths, "--save-path", str(tmp_path / "out"), "--json", "--no-audio", *MODEL])
    cut, killed = (json.loads(line) for line in sorted(capsys.readouterr().out.splitlines()[:-1]))
    assert code == ExitCode.PARTLY_FAILED
    assert (cut["state"], cut["audio_s"], killed["audio_s"]) == ("done", 1.0, 2.0)
    assert cut["missing"].startswith("1.00 s of 2.00 s are missing")
    assert cut["warnings"] == [cut["missing"]]
    assert (killed["missing"], len(killed["warnings"])) == ("", 1)
    for record, complete in ((cut, False), (killed, True)):
        with EscReader(Path(record["files"][0])) as reader:
            assert reader.complete is complete


def test_nothing_of_what_decoders_print_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """libmpg123 complains of odd MP3 files on descriptor 2."""
    (tmp_path / "a.mp3").write_bytes(damaged(coded(noise(2.0), "MP3"), 0.5))
    assert run(["compress", str(tmp_path / "a.mp3"), "--save-path", str(tmp_path / "out"), *MODEL]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "a.mp3: " in line
    assert "are missing" in line


def test_as_many_files_are_coded_at_once_as_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --jobs 3 three threads are inside the network at the same moment, however few cores there are."""
    meeting, met, encode = threading.Barrier(3, timeout=DEADLINE_S), set[int](), FastESC.encode

    def encode_together(network: FastESC, audio: torch.Tensor, num_streams: int) -> torch.Tensor:
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            meeting.wait()
        return encode(network, audio, num_streams)

    monkeypatch.setattr(FastESC, "encode", encode_together)
    files = [str(write_speech(tmp_path / f"{name}.wav", 8000)) for name in "abc"]
    assert run(["compress", *files, "--jobs", "3", "--save-path", str(tmp_path / "out"), *MODEL]) == ExitCode.DONE
    assert len(met) == 3


def test_failures_are_named_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people, the table shows what was done, and standard error what was not."""
    good = write_speech(tmp_path / "good.wav", 8000)
    code = run(["compress", str(good), str(tmp_path / "missing.wav"), "--save-path", str(tmp_path / "out"), *MODEL])
    shown = capsys.readouterr()
    assert code == ExitCode.PARTLY_FAILED
    assert "good.wav" in shown.out
    assert "0.50 s" in shown.out
    assert "missing.wav" in shown.err
    assert "of 2 files 1 failed" in shown.err


def test_nothing_is_overwritten_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run leaves the results of the first alone, and says so; --overwrite replaces them."""
    source = write_speech(tmp_path / "speech.wav", 8000)
    arguments = ["compress", str(source), "--save-path", str(tmp_path / "out"), *MODEL]
    assert run(arguments) == ExitCode.DONE
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in names(tmp_path / "out")}
    assert run(arguments) == ExitCode.PARTLY_FAILED
    assert "--overwrite" in capsys.readouterr().err
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in names(tmp_path / "out")} == before
    assert run([*arguments, "--overwrite"]) == ExitCode.DONE
    assert names(tmp_path / "out") == list(before)


def test_what_is_not_wanted_is_not_written(tmp_path: Path) -> None:
    """--no-audio and --no-codes leave one of the two, --format chooses the reconstruction's format."""
    source = write_speech(tmp_path / "speech.wav", 8000)
    assert run(["compress", str(source), "--no-audio", "--save-path", str(tmp_path / "codes"), *MODEL]) == 0
    assert names(tmp_path / "codes") == ["encoded_7.2kbps_speech.esc"]
    for kind in ("flac", "ogg", "mp3", "opus"):
        target = ["--format", kind, "--save-path", str(tmp_path / kind)]
        assert run(["compress", str(source), "--no-codes", *target, *MODEL]) == 0
        assert names(tmp_path / kind) == [f"decoded_7.2kbps_speech.{kind}"]
        assert soundfile.info(tmp_path / kind / f"decoded_7.2kbps_speech.{kind}").frames == 8000


def test_channels_can_be_kept(tmp_path: Path, tiny_codec: Codec) -> None:
    """With --channels keep, each channel is coded by itself."""
    source = write_speech(tmp_path / "stereo.wav", 8000, channels=2)
    arguments = ["--channels", "keep", "--save-path", str(tmp_path / "out")]
    assert run(["compress", str(source), *arguments, *MODEL]) == 0
    sound, _ = soundfile.read(source, dtype="float32")
    assert (tmp_path / "out" / "encoded_7.2kbps_stereo.esc").read_bytes() == compress(sound.T, tiny_codec)
    assert soundfile.info(tmp_path / "out" / "decoded_7.2kbps_stereo.wav").channels == 2


def test_standard_input_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` codes what is piped in."""
    data = io.BytesIO(write_speech(tmp_path / "speech.wav", 8000).read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=data, isatty=lambda: False))
    assert run(["compress", "-", "--save-path", str(tmp_path / "out"), *MODEL]) == 0
    assert names(tmp_path / "out") == ["decoded_7.2kbps_stdin.wav", "encoded_7.2kbps_stdin.esc"]


def test_decompress_gives_the_reconstruction_back(tmp_path: Path, tiny_codec: Codec) -> None:
    """At all streams it is what compress wrote; at fewer, what fewer streams give."""
    source = write_speech(tmp_path / "speech.wav", 20001)
    assert run(["compress", str(source), *CHUNKS, "--save-path", str(tmp_path / "out"), *MODEL]) == 0
    arguments = [str(tmp_path / "out"), "--save-path", str(tmp_path / "again"), *MODEL]
    assert run(["decompress", *arguments]) == 0
    assert run(["decompress", *arguments, "--num-streams", "1"]) == 0
    assert names(tmp_path / "again") == ["decoded_1.2kbps_speech.wav", "decoded_7.2kbps_speech.wav"]
    first = (tmp_path / "out" / "decoded_7.2kbps_speech.wav").read_bytes()
    assert (tmp_path / "again" / "decoded_7.2kbps_speech.wav").read_bytes() == first
    thin, _ = soundfile.read(tmp_path / "again" / "decoded_1.2kbps_speech.wav", dtype="int16")
    np.testing.assert_array_equal(thin, locally_coded(source, tiny_codec, num_streams=1))


def test_thinning_needs_no_model(tmp_path: Path, tiny_codec: Codec) -> None:
    """--to-streams writes the very file that coding at fewer streams gives, and refuses to add streams."""
    sound = np.random.default_rng(0).normal(0, 0.1, 20001).astype(np.float32)
    (tmp_path / "encoded_7.2kbps_a.esc").write_bytes(compress(sound, tiny_codec, plan=ChunkPlan()))
    arguments = ["compress", str(tmp_path / "encoded_7.2kbps_a.esc"), "--save-path", str(tmp_path / "thin")]
    assert run([*arguments, "--to-streams", "2"]) == ExitCode.DONE
    thin = compress(sound, tiny_codec, num_streams=2, plan=ChunkPlan())
    assert (tmp_path / "thin" / "encoded_2.4kbps_a.esc").read_bytes() == thin
    assert run([*arguments, "--to-streams", "7"]) == ExitCode.PARTLY_FAILED


def test_damage_is_told_and_can_be_ignored(
    tmp_path: Path, tiny_codec: Codec, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped bit is named by info and decompress; --ignore-errors decodes the rest."""
    data = bytearray(compress(np.zeros(40000, np.float32), tiny_codec))
    data[len(data) // 2] ^= 1
    (tmp_path / "a.esc").write_bytes(data)
    assert run(["info", str(tmp_path / "a.esc")]) == ExitCode.PARTLY_FAILED
    assert "chunk 1 (1.00 to 2.00 s) is damaged" in capsys.readouterr().out
    arguments = ["decompress", str(tmp_path / "a.esc"), "--save-path", str(tmp_path / "out"), *MODEL]
    assert run(arguments) == ExitCode.PARTLY_FAILED
    assert "chunk 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == []
    assert run([*arguments, "--ignore-errors"]) == ExitCode.DONE
    assert "silence stands for it" in capsys.readouterr().err
    assert soundfile.info(tmp_path / "out" / "decoded_7.2kbps_a.wav").frames == 40000


def test_info_tells_what_is_in_a_file(tmp_path: Path, tiny_codec: Codec, capsys: pytest.CaptureFixture[str]) -> None:
    """Model, length, bitrate and chunks, for people and for scripts."""
    data = compress(np.zeros(40000, np.float32), tiny_codec, num_streams=3, plan=PLAN)
    (tmp_path / "a.esc").write_bytes(data)
    assert run(["info", str(tmp_path)]) == ExitCode.DONE
    shown = capsys.readouterr().out
    for part in ("tiny", "2.50 s", "40000 samples", "3.6 kbps", "crossfade", tiny_codec.fingerprint):
        assert part in shown
    assert run(["info", str(tmp_path / "a.esc"), "--json"]) == ExitCode.DONE
    record = json.loads(capsys.readouterr().out)
    assert (record["samples"], record["num_streams"], record["problems"]) == (40000, 3, [])
    assert record["bytes"] == len(data)


def test_info_goes_on_after_a_file_that_it_cannot_read(
    tmp_path: Path, tiny_codec: Codec, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with one of many is told, the others are shown, and scripts get a line for each."""
    (tmp_path / "a.esc").write_text("Dear reader")
    (tmp_path / "b.esc").write_bytes(compress(np.zeros(3200, np.float32), tiny_codec))
    assert run(["info", str(tmp_path), "--json"]) == ExitCode.PARTLY_FAILED
    told = capsys.readouterr()
    assert "a.esc: this is not an .esc file" in told.err
    records = [json.loads(line) for line in told.out.splitlines()]
    assert [bool(record["problems"]) for record in records] == [True, False]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("command", ["compress", "decompress", "info"])
def test_a_pipe_is_no_file_to_wait_for(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A named pipe that nobody writes to is refused, not waited for; so is a folder's link to itself."""
    pipe = tmp_path / "pipe.esc" if command != "compress" else tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    (tmp_path / "circle").symlink_to("circle")
    model = [] if command == "info" else MODEL
    assert run([command, str(pipe), *model]) in (ExitCode.PARTLY_FAILED, ExitCode.BAD_INPUT)
    assert "no regular file" in capsys.readouterr().err
    assert run([command, str(tmp_path / "circle"), *model]) in (ExitCode.PARTLY_FAILED, ExitCode.BAD_INPUT)
    assert "circle" in capsys.readouterr().err


@needs_metrics
def test_metrics_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--metrics tells how near the reconstruction is, also where nothing is written."""
    source = write_speech(tmp_path / "speech.wav", 24000)
    arguments = ["--metrics", "--no-audio", "--no-codes", "--json", "--save-path", str(tmp_path / "out")]
    assert run(["compress", str(source), *arguments, *MODEL]) == ExitCode.DONE
    quality = json.loads(capsys.readouterr().out.splitlines()[0])["quality"]
    assert set(quality) == {"si_sdr_db", "mel_distance_db", "stoi", "pesq_wb"}
    assert quality["mel_distance_db"] > 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["compress"], "name at least one"),
        (["compress", "a.wav", "--no-audio", "--no-codes"], "nothing to write"),
        (["compress", "a.esc"], "use decompress"),
        (["compress", "a.wav", "--jobs", "0", *MODEL], "--jobs must be at least 1"),
        (["compress", "a.wav", "--num-streams", "7", *MODEL], "1 to 6, not 7"),
        (["compress", "a.wav", "--streaming", "--overlap-size", "9000"], "not 9000"),
        (["compress", "a.wav", "--streaming", "--stitching", "seamless", "--chunk-size", "1000", *MODEL], "320"),
        (["compress", "a.esc", "--to-streams", "0"], "--to-streams"),
        (["decompress"], "name at least one"),
        (["info"], "name at least one"),
    ],
)
def test_wrong_use_is_explained(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake gives exit code 2 and words that name the wrong value, before any file is touched."""
    assert run(arguments) == ExitCode.WRONG_USE
    assert hint in capsys.readouterr().err
