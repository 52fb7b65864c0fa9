"""Files, names and folders as they are found in the world, given to the commands on files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec import compress
from codec.codec import Codec
from codec.engine.fast import FastESC
from esc_tui.cli import run
from esc_tui.errors import ExitCode
from esc_tui.options import files
from tests.esc_tui.commands.small_model import MODEL, names
from tests.net.links import write_speech

pytestmark = pytest.mark.usefixtures("one_core")


def test_names_that_are_not_utf8_are_worked_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such a file, and such a save path, are used as they are; JSON and tables show U+FFFD for what is no text."""
    source = write_speech(tmp_path / "speech.wav", 8000).rename(tmp_path / "latin\udce4.wav")
    out, again = tmp_path / "out\udce4", tmp_path / "again"
    assert run(["compress", str(source), "--save-path", str(out), "--json", *MODEL]) == ExitCode.DONE
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert record["name"].endswith("latin\N{REPLACEMENT CHARACTER}.wav")
    assert names(out) == ["decoded_7.2kbps_latin\udce4.wav", "encoded_7.2kbps_latin\udce4.esc"]
    assert run(["decompress", str(out), "--save-path", str(again), *MODEL]) == ExitCode.DONE
    assert run(["info", str(out), "--json"]) == ExitCode.DONE
    assert "latin\N{REPLACEMENT CHARACTER}" in capsys.readouterr().out
    assert names(again) == ["decoded_7.2kbps_latin\udce4.wav"]
    source.write_text("This is no sound.")
    assert run(["compress", str(source), "--save-path", str(again), "--json", *MODEL]) == ExitCode.PARTLY_FAILED
    assert json.loads(capsys.readouterr().out.splitlines()[0])["error"].startswith("cannot read")


def test_a_locale_without_the_letters_of_a_name_is_no_error(tmp_path: Path) -> None:
    """With standard output in ASCII such a name is shown with question marks."""
    source = write_speech(tmp_path / "speech.wav", 800).rename(tmp_path / "ü\udce4.wav")
    arguments = ["compress", str(source), "--save-path", str(tmp_path / "out"), *MODEL]
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "esc_tui", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=ascii_only, check=False)
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    assert "encoded_7.2kbps_??.esc" in done.stdout


def test_the_longest_names_are_worked_on(tmp_path: Path, tiny_codec: Codec) -> None:
    """A name of 255 bytes is shortened with what is added to it; the way back gives the same name."""
    source = write_speech(tmp_path / "speech.wav", 8000).rename(tmp_path / f"{'n' * 251}.wav")
    (tmp_path / f"{'n' * 251}.esc").write_bytes(compress(np.zeros(3200, np.float32), tiny_codec))
    assert run(["compress", str(source), "--save-path", str(tmp_path / "out"), *MODEL]) == ExitCode.DONE
    decoded, encoded = names(tmp_path / "out")
    assert decoded.startswith("decoded_7.2kbps_nnnn")
    assert run(["decompress", str(tmp_path / "out"), "--save-path", str(tmp_path / "again"), *MODEL]) == ExitCode.DONE
    assert names(tmp_path / "again") == [decoded]
    assert encoded == decoded.replace("decoded", "encoded").replace(".wav", ".esc")
    arguments = ["decompress", str(tmp_path / f"{'n' * 251}.esc"), "--save-path", str(tmp_path / "short"), *MODEL]
    assert run(arguments) == ExitCode.DONE
    assert names(tmp_path / "short") == [decoded]


def test_a_folder_may_hold_its_own_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run twice in one folder, the second run codes the same sources, and says what it left out."""
    write_speech(tmp_path / "a.wav", 8000)
    arguments = ["compress", str(tmp_path), "--save-path", str(tmp_path), *MODEL]
    assert run([*arguments, "--format", "flac"]) == ExitCode.DONE
    before = names(tmp_path)
    capsys.readouterr()
    assert run([*arguments, "--format", "flac", "--overwrite"]) == ExitCode.DONE
    assert names(tmp_path) == before == ["a.wav", "decoded_7.2kbps_a.flac", "encoded_7.2kbps_a.esc"]
    assert "left out 1 result" in capsys.readouterr().err


def test_thinning_a_folder_into_itself_leaves_the_thin_out(
    tmp_path: Path, tiny_codec: Codec, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run again, at fewer streams even, each sound is thinned once; a thin file that is named is an input."""
    (tmp_path / "encoded_7.2kbps_a.esc").write_bytes(compress(np.zeros(3200, np.float32), tiny_codec))
    arguments = ["compress", str(tmp_path), "--save-path", str(tmp_path), "--overwrite", "--to-streams"]
    for _ in range(2):
        assert run([*arguments, "2"]) == ExitCode.DONE
        assert names(tmp_path) == ["encoded_2.4kbps_a.esc", "encoded_7.2kbps_a.esc"]
    assert "left out 1 result" in capsys.readouterr().err
    thin = str(tmp_path / "encoded_2.4kbps_a.esc")
    assert run(["compress", thin, "--to-streams", "1", "--save-path", str(tmp_path / "thin")]) == ExitCode.DONE


def test_two_inputs_never_share_a_result(tmp_path: Path, tiny_codec: Codec, capsys: pytest.CaptureFixture[str]) -> None:
    """Codes of one sound at two bitrates, decoded at a third, would replace each other: the second is refused."""
    for kbps, streams in (("7.2", 6), ("3.6", 3)):
        data = compress(np.zeros(3200, np.float32), tiny_codec, num_streams=streams)
        (tmp_path / f"encoded_{kbps}kbps_a.esc").write_bytes(data)
    arguments = ["decompress", str(tmp_path), "--save-path", str(tmp_path / "out"), "--overwrite", *MODEL]
    assert run([*arguments, "--num-streams", "1"]) == ExitCode.PARTLY_FAILED
    assert "another --save-path" in capsys.readouterr().err
    assert run(arguments) == ExitCode.DONE
    assert names(tmp_path / "out") == [f"decoded_{kbps}kbps_a.wav" for kbps in ("1.2", "3.6", "7.2")]


def test_a_file_that_grows_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is coded as it was found, with a warning; a file that comes while others are coded is counted."""
    (tmp_path / "in").mkdir()
    source, encode = write_speech(tmp_path / "in" / "a.wav", 8000), FastESC.encode

    def encode_and_grow(network: FastESC, audio: torch.Tensor, num_streams: int) -> torch.Tensor:
        with source.open("ab") as file:
            file.write(bytes(100))
        (source.parent / "b.wav").touch()
        return encode(network, audio, num_streams)

    monkeypatch.setattr(FastESC, "encode", encode_and_grow)
    assert run(["compress", str(tmp_path / "in"), "--save-path", str(tmp_path / "out"), "--json", *MODEL]) == 0
    told = capsys.readouterr()
    assert "changed while it was read" in json.loads(told.out.splitlines()[0])["warnings"][0]
    assert "1 file came" in told.err
    assert soundfile.info(tmp_path / "out" / "decoded_7.2kbps_a.wav").frames == 8000


def test_more_jobs_than_cores_are_taken_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many files at once as were asked for, 64 at most, and what that costs is said."""
    sources = [str(write_speech(tmp_path / f"{name}.wav", 800)) for name in "ab"]
    assert run(["compress", *sources, "--jobs", "500", "--save-path", str(tmp_path / "out"), *MODEL]) == ExitCode.DONE
    assert "--jobs 500: 2 files at once on 1 cores" in capsys.readouterr().err
    assert files.worker_count(500, 1000) == files.MAX_WORKERS
    assert files.worker_notes(None, 1) == []


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_a_save_path_that_is_a_file_is_told(
    command: str, tmp_path: Path, tiny_codec: Codec, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any work it is said which path is no folder; a file in the way of one subfolder fails what goes there."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write_speech(tmp_path / "in" / "sub" / "a.wav", 8000)
    (tmp_path / "in" / "sub" / "a.esc").write_bytes(compress(np.zeros(3200, np.float32), tiny_codec))
    (tmp_path / "file").touch()
    for save_path in (tmp_path / "file", tmp_path / "file" / "below"):
        assert run([command, str(tmp_path / "in"), "--save-path", str(save_path), *MODEL]) == ExitCode.BAD_INPUT
        assert f"{str(tmp_path / 'file')!r} is no folder" in capsys.readouterr().err
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").touch()
    arguments = [command, str(tmp_path / "in"), "--save-path", str(tmp_path / "out"), *MODEL]
    assert run(arguments) == ExitCode.PARTLY_FAILED
    assert "sub' is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("channels", "arguments", "hint"),
    [
        (33, [], "holds 16 channels at most, not 33: use --channels mix"),
        (9, ["--format", "flac"], "flac holds 8 channels at most, not 9"),
        (3, ["--format", "mp3"], "mp3 holds 2 channels at most, not 3"),
    ],
)
def test_too_many_channels_are_told(
    channels: int, arguments: list[str], hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit is named, and what to do; mixed, they are coded."""
    source = write_speech(tmp_path / "many.wav", 3200, channels=channels)
    arguments = [*arguments, "--save-path", str(tmp_path / "out"), *MODEL]
    assert run(["compress", str(source), "--channels", "keep", *arguments]) == ExitCode.PARTLY_FAILED
    assert hint in capsys.readouterr().err
    assert run(["compress", str(source), *arguments]) == ExitCode.DONE


def test_a_working_folder_that_was_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plain line, whatever the command."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for arguments in (["compress", "a.wav"], ["receiver"], ["info", "a.esc"]):
        assert run(arguments) == ExitCode.WRONG_USE
        assert "the working folder was removed" in capsys.readouterr().err
