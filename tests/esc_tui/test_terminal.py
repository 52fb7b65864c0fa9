"""The standard streams of the real command, what libraries print, and the signals that reach it."""

import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from esc_tui.cli import run
from esc_tui.errors import ExitCode
from esc_tui.terminal import INTERRUPTED, TerminalText, in_terminal, quiet_libraries
from tests.conftest import DATA, WaitUntil
from tests.net.links import write_speech

TINY = str(DATA / "golden" / "tiny")
ESC_TUI = f"{sys.executable} -m esc_tui"


class Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "is_one"),
    [({"TERM": "xterm-256color"}, True), ({"TERM": "dumb"}, False), ({"TERM": "dumb", "TEXTUAL_DRIVER": "x"}, True)],
)
def test_a_dumb_terminal_gets_no_console(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_one: bool
) -> None:
    """Emacs' shell cannot move its cursor: commands run headless there by themselves."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert in_terminal() is is_one


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_fault(tmp_path: Path, closed: str) -> None:
    """Whatever a shell closed, the work is done, and no socket or file takes the number of a standard stream."""
    speech = write_speech(tmp_path / "in.wav", 6400)
    command = f"{ESC_TUI} demo --json --no-realtime --input {speech} --save-path {tmp_path}/out --model-path {TINY}"
    done = subprocess.run(["sh", "-c", f"{command} {closed}"], check=False, capture_output=True, text=True)  # noqa: S607
    assert (done.returncode, done.stderr) == (0, "")
    (saved,) = (tmp_path / "out").glob("*.wav")
    assert soundfile.info(saved).frames == 6400
    if ">&-" not in closed.replace("2>&-", ""):
        assert [json.loads(line)["type"] for line in done.stdout.splitlines()][-1] == "report"


@pytest.mark.parametrize("option", ["--input", "--model-path"])
def test_an_empty_path_is_no_working_folder(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """An unset variable of a shell is told as what it is."""
    assert run(["sender", option, ""]) == ExitCode.WRONG_USE
    assert f"'{option}': an empty name is no path" in capsys.readouterr().err


IMPORTING = """
import os, runpy, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
sys.argv[1:] = ["sender", "--input", "nowhere.wav"]
runpy.run_module("esc_tui", run_name="__main__")
"""


def test_ctrl_c_while_a_command_loads_its_libraries_ends_it_in_silence() -> None:
    """No exception is raised into the import of a C library, which may crash of it."""
    done = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")
    assert INTERRUPTED == ExitCode.INTERRUPTED


def test_a_terminal_that_hangs_up_ends_the_stream_in_order(tmp_path: Path, wait_until: WaitUntil) -> None:
    """The session's end sends SIGHUP: what was read is sent and saved, though nothing can be printed any more."""
    speech = write_speech(tmp_path / "in.wav", 16000 * 60)
    arguments = ["demo", "--headless", "--input", speech, "--save-path", tmp_path / "out", "--model-path", TINY]
    command = [sys.executable, "-m", "esc_tui", *map(str, arguments), "--chunk-size", "3200"]
    near, far = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER, *command],
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    os.close(far)
    out = tmp_path / "out"
    wait_until(lambda: any(path.stat().st_size > 10000 for path in out.glob("*.wav")))
    os.close(near)  # the terminal's last descriptor: the kernel sends SIGHUP
    assert process.wait(30) == ExitCode.INTERRUPTED
    (saved,) = out.glob("*.wav")
    assert 0 < soundfile.info(saved).frames < 16000 * 60
    assert not list(out.glob(".*")), "the stream was not ended: its checkpoint is still there"


def test_a_console_whose_terminal_is_gone_writes_to_nobody() -> None:
    """The thread that draws lives on, whatever is faster, the signal or the next picture."""
    near, far = pty.openpty()
    with TerminalText(open(far, "wb"), encoding="utf-8", line_buffering=True) as terminal:
        terminal.write("shown\n")
        assert b"shown" in os.read(near, 100)
        os.close(near)
        for _ in range(2):
            assert terminal.write("lost\n") == 5
            terminal.write("lost")
            terminal.flush()
        assert not terminal.isatty()


LEADER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_what_libraries_print_goes_to_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What C code writes to descriptor 2 is logged, line by line; what this program prints comes out."""
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    with caplog.at_level(logging.INFO, "esc_tui.terminal"), quiet_libraries():
        os.write(2, b"[src/libmpg123] error: odd\nand more\xff\n")
        print("esc-tui: a message", file=sys.stderr)
    os.write(2, b"after\n")
    assert [record.message for record in caplog.records] == [
        "[src/libmpg123] error: odd",
        "and more\N{REPLACEMENT CHARACTER}",
    ]
    assert capfd.readouterr().err == "esc-tui: a message\nafter\n"


def test_descriptors_are_given_back() -> None:
    """Nothing is left open, whatever was raised within."""
    before = set(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match="gone"), quiet_libraries():
        raise OSError("gone")
    assert set(os.listdir("/dev/fd")) == before
