"""Real programs in a pipeline: what they hear is what is saved."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.codec import Codec
from tests.conftest import DATA
from tests.net.links import locally_coded, read_pcm16, write_speech
from tests.ports import free_port

TINY = DATA / "golden" / "tiny"
PLAN = "--chunk-size 3200 --overlap-size 320"

needs = {
    name: pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")
    for name in ("sox", "ffmpeg")
}


def run_both(folder: Path, receiving: str, sending: str) -> tuple[int, int, str, str]:
    """Run two pipelines of a shell; return their exit codes (of any program that failed) and what they printed.

    In them ESC_TUI stands for the command, and LINK for what both of its ends need.
    """
    link = f"--port {free_port()} --model-path {TINY}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_STATE_HOME": str(folder / "state")}

    def start(pipeline: str) -> "subprocess.Popen[str]":
        script = pipeline.replace("ESC_TUI", f"{sys.executable} -m esc_tui").replace("LINK", link)
        return subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", script],  # noqa: S607 - the system's shell
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    receiver, sender = start(receiving), start(sending)
    try:
        _, sent = sender.communicate(timeout=60)
        _, received = receiver.communicate(timeout=60)
    finally:
        for process in (receiver, sender):
            process.kill()
            process.communicate()
    return receiver.returncode, sender.returncode, received, sent


def saved_sound(folder: Path) -> np.ndarray:
    (path,) = (folder / "out").glob("*.wav")
    return read_pcm16(path)


@needs["sox"]
@needs["ffmpeg"]
def test_a_pipeline_of_five_programs_loses_no_sample(tmp_path: Path, tiny_codec: Codec) -> None:
    """Sox and ffmpeg before, ffmpeg behind: the sound is that of the file coded here, and what is saved is heard."""
    speech = write_speech(tmp_path / "in.wav", 48000)
    codes = run_both(
        tmp_path,
        "ESC_TUI receiver --once --save-path out --output - LINK "
        "| ffmpeg -v error -f s16le -ar 16000 -ac 1 -i - -f wav heard.wav",
        f"sox in.wav -t wav - | ffmpeg -v error -i - -f wav - | ESC_TUI sender --input - {PLAN} LINK",
    )
    assert codes[:2] == (0, 0), codes
    heard = read_pcm16(tmp_path / "heard.wav")
    np.testing.assert_array_equal(heard, saved_sound(tmp_path))
    np.testing.assert_array_equal(heard, locally_coded(speech, tiny_codec))


@needs["sox"]
@needs["ffmpeg"]
def test_raw_telephone_sound_and_a_wav_of_unknown_length(tmp_path: Path) -> None:
    """Raw μ-law goes in, a WAV without a length comes out, and each program reads it to the end."""
    write_speech(tmp_path / "in.wav", 24000)
    codes = run_both(
        tmp_path,
        "ESC_TUI receiver --once --save-path out --output - --output-format wav LINK | sox -t wav - heard.wav",
        "ffmpeg -v error -i in.wav -ar 8000 -f mulaw - | ESC_TUI sender --input - --raw mulaw@8000x1 LINK",
    )
    assert codes[:2] == (0, 0), codes
    heard = read_pcm16(tmp_path / "heard.wav")
    np.testing.assert_array_equal(heard, saved_sound(tmp_path))
    assert len(heard) == 24000


@needs["ffmpeg"]
def test_compressed_sound_comes_through_a_named_pipe(tmp_path: Path) -> None:
    """FLAC whose header has no length, and a named pipe at both ends."""
    pytest.importorskip("av", reason="PyAV is not installed")
    write_speech(tmp_path / "in.wav", 24000)
    for name in ("in.pipe", "out.wav"):
        os.mkfifo(tmp_path / name)
    codes = run_both(
        tmp_path,
        "cat out.wav > heard.wav & ESC_TUI receiver --once --save-path out --output out.wav LINK && wait",
        "ffmpeg -v error -y -i in.wav -f flac in.pipe & ESC_TUI sender --input in.pipe LINK",
    )
    assert codes[:2] == (0, 0), codes
    with soundfile.SoundFile(tmp_path / "heard.wav") as sound:
        np.testing.assert_array_equal(sound.read(24000, dtype="int16"), saved_sound(tmp_path))


def test_a_reader_that_has_enough_ends_the_receiver_in_order(tmp_path: Path) -> None:
    """No traceback, a valid file, and the sender hears why."""
    write_speech(tmp_path / "in.wav", 160000)
    received, sent, printed, reason = run_both(
        tmp_path,
        "ESC_TUI receiver --once --save-path out --output - LINK | head -c 1000 > heard.raw",
        f"ESC_TUI sender --input in.wav --realtime {PLAN} LINK",
    )
    assert (received, sent) == (0, 4), (printed, reason)
    assert "the reader of standard output has gone away" in printed
    assert "the receiver was stopped" in reason
    assert "Traceback" not in printed + reason
    assert (tmp_path / "heard.raw").read_bytes() == saved_sound(tmp_path)[:500].tobytes()


def test_a_writer_that_breaks_off_is_told_at_both_ends(tmp_path: Path) -> None:
    """Half a WAV: what came is saved at once, and the exit code says that something is missing."""
    write_speech(tmp_path / "in.wav", 32000)
    received, sent, printed, reason = run_both(
        tmp_path,
        "ESC_TUI receiver --once --save-path out --headless LINK",
        f"head -c 32044 in.wav | ESC_TUI sender --input - {PLAN} LINK",
    )
    assert (received, sent) == (0, 1), (printed, reason)
    assert "ended after 1.00 of 2.00 s" in reason
    assert len(saved_sound(tmp_path)) == 16000


def test_the_summary_goes_to_standard_error(tmp_path: Path) -> None:
    """Standard output holds sound and nothing else, whatever is printed."""
    write_speech(tmp_path / "in.wav", 16000)
    received, sent, printed, _ = run_both(
        tmp_path,
        "ESC_TUI receiver --once --save-path out --output - LINK > heard.raw",
        "ESC_TUI sender --input - --json LINK < in.wav > sent.json",
    )
    assert (received, sent) == (0, 0)
    assert "saved out/received_" in printed
    assert (tmp_path / "heard.raw").read_bytes() == saved_sound(tmp_path).tobytes()
    report = json.loads((tmp_path / "sent.json").read_text().splitlines()[-1])
    assert report["streams"][0]["source"] == "standard input"
    assert report["streams"][0]["total_s"] is None
