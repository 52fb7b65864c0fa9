import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from esc_tui.cli import COMMANDS, run
from esc_tui.completion import SHELLS, VARIABLE
from esc_tui.errors import ExitCode
from net.audio.devices import SYSTEM_AUDIO
from tests.net.audio.fake_audio import FakeSounddevice

BASH = shutil.which("bash")


@pytest.fixture
def program_folder(tmp_path: Path) -> Path:
    """A folder for PATH with this project's `esc-tui`."""
    program = tmp_path / "esc-tui"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m esc_tui "$@"\n')
    program.chmod(0o755)
    return tmp_path


def completed(
    shell: str, typed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """Return the lines that a shell's script is given for what was typed, the last word being incomplete."""
    monkeypatch.setenv(VARIABLE, f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["esc-tui", *typed]))
    monkeypatch.setenv("COMP_CWORD", typed[-1] if shell == "fish" else str(len(typed)))
    with pytest.raises(SystemExit, match="0"):
        run([])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_can_read(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It names this program, and where the shell is installed, the shell finds nothing wrong with it."""
    assert run(["completion", shell]) == ExitCode.DONE
    script = capsys.readouterr().out
    assert VARIABLE in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=30)


@pytest.mark.skipif(BASH is None, reason="there is no bash")
def test_bash_completes_with_the_script(program_folder: Path) -> None:
    """Commands, options and choices, asked for as bash asks at a tab."""
    questions = {"esc-tui rec": ["receiver"], "esc-tui sender --queue": ["--queue-chunks"]}
    questions["esc-tui sender --stitching cross"] = ["crossfade"]
    asking = "source <(esc-tui completion bash)\n" + "\n".join(
        f"COMPREPLY=() COMP_WORDS=({line}) COMP_CWORD={line.count(' ')}; _esc_tui_completion esc-tui\n"
        'echo "${COMPREPLY[@]}"'
        for line in questions
    )
    assert BASH is not None
    environment = {**os.environ, "PATH": f"{program_folder}:{os.environ['PATH']}"}
    done = subprocess.run([BASH, "-c", asking], capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert [line.split() for line in done.stdout.splitlines()] == list(questions.values())


def test_devices_are_completed_by_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Inputs for a microphone, outputs for a player; bash, which inserts what it gets, gets it quoted."""
    monkeypatch.setattr(SYSTEM_AUDIO, "_module", FakeSounddevice())
    assert completed("bash", ["sender", "--mic-device", "usb"], monkeypatch, capsys) == [r"plain,USB\ Headset"]
    speakers = completed("zsh", ["receiver", "--output-device", "b"], monkeypatch, capsys)
    assert "Built-in Output" in speakers
    assert "Built-in Microphone" not in speakers


def test_files_are_left_to_the_shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a path is wanted, the shell is told so."""
    assert completed("fish", ["sender", "--input", "a"], monkeypatch, capsys) == ["file,a"]


def test_fish_shows_what_a_command_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command is offered, with its summary."""
    offered = completed("fish", ["dem"], monkeypatch, capsys)
    assert len(offered) == 1
    assert offered[0].startswith("plain,demo\t")
    assert COMMANDS["demo"][:10] in offered[0]
