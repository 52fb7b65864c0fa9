import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from codec.errors import AudioFileError
from esc_tui.cli import COMMANDS, run
from esc_tui.errors import ExitCode
from esc_tui.plain.headless import JsonOutput
from net.errors import ConnectError
from net.protocol.limits import DEFAULT_LIMITS
from net.receiver.incoming_stream import HISTORY_CHUNKS
from net.sender.engine import Sender
from net.settings import MAX_QUEUE_CHUNKS, SenderSettings
from net.telemetry.stats import LinkState
from net.transport.listening import resolve
from tests.conftest import DATA
from tests.net.links import write_speech

TINY = str(DATA / "golden" / "tiny")


def imported_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has imported after running `code`."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_help_imports_neither_torch_nor_textual() -> None:
    """`--help` answers before anything heavy is loaded."""
    modules = imported_by("from esc_tui.cli import run; run(['--help'])")
    assert not modules & {"torch", "torchaudio", "textual", "sounddevice", "numpy"}


def test_commands_explain_themselves_without_torch() -> None:
    """A command's help needs no model, no device and no console."""
    modules = imported_by(f"from esc_tui.cli import run; assert not any(run([n, '--help']) for n in {list(COMMANDS)})")
    assert not modules & {"torch", "torchaudio", "textual", "sounddevice"}


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["sender"], ExitCode.WRONG_USE, "--input"),
        (["sender", "--input", "nowhere.wav", "--num-streams", "7"], ExitCode.WRONG_USE, "1 to 6, not 7"),
        (["sender", "--input", "nowhere.wav", "--overlap-size", "9000"], ExitCode.WRONG_USE, "not 9000"),
        (["sender", "--microphone", "--live", "--chunk-ms", "200"], ExitCode.WRONG_USE, "leave out --chunk-ms"),
        (["sender", "--input", "nowhere.wav", "--port", "70000"], ExitCode.WRONG_USE, "70000"),
        (["sender", "--input", "nowhere.wav", "--rate-limit-bps", "1"], ExitCode.WRONG_USE, "not 1"),
        (["sender", "--input", "nowhere.wav", "--no-such-option"], ExitCode.WRONG_USE, "no-such-option"),
        (["sender", "--port", "x"], ExitCode.WRONG_USE, "esc-tui: invalid value for '--port'"),
        (["sender", "--input", "nowhere.wav", "--host", "localhost:80"], ExitCode.WRONG_USE, "after --port"),
        (["sender", "--input", "nowhere.wav", "--overlap-ms", "501"], ExitCode.WRONG_USE, "0 to 500 ms, not 501"),
        (["sender", "--microphone", "--live", "--chunk-size", "3200"], ExitCode.WRONG_USE, "leave out --chunk-size"),
        (["sender", "--microphone", "--lookahead-ms", "40"], ExitCode.WRONG_USE, "add --stitching seamless"),
        (
            ["sender", "--input", "nowhere.wav", "--model-path", "nowhere"],
            ExitCode.BAD_INPUT,
            "no model folder nowhere",
        ),
        (["sender", "--input", "."], ExitCode.BAD_INPUT, "is a folder"),
        (["receiver", "--jitter-ms", "100"], ExitCode.WRONG_USE, "add --play"),
        (
            ["receiver", "--port", "0", "--save-path", str(DATA / "golden/tiny/config.yaml/x")],
            ExitCode.BAD_INPUT,
            "no folder",
        ),
        (["compress", "nowhere.wav", "--chunk-size", "8000"], ExitCode.WRONG_USE, "--streaming"),
        (["sender", "--input", "nowhere.wav"], ExitCode.BAD_INPUT, "nowhere.wav"),
        (["receiver", "--queue-chunks", "1001"], ExitCode.WRONG_USE, "1 to 1000 chunks, not 1001"),
        (["receiver", "--max-connections", "0"], ExitCode.WRONG_USE, "not 0"),
        (["receiver", "--port", "0", "--model-path", "nowhere"], ExitCode.BAD_INPUT, "nowhere"),
        (["receiver", "--host", "no.such.host.invalid"], ExitCode.CANNOT_CONNECT, "no.such.host.invalid"),
        (["no-such-command"], ExitCode.WRONG_USE, "no-such-command"),
    ],
)
def test_wrong_use_is_explained(
    arguments: list[str], code: ExitCode, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each mistake gives its exit code, and one line that names the wrong value."""
    assert run(arguments) == code
    told = capsys.readouterr().err
    assert hint in told
    assert told.count("\n") == 1 or "connecting to" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_under_standard_output_is_told() -> None:
    """It is one line and an exit code, no traceback."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "esc_tui", "--version"], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == ExitCode.BAD_INPUT
    assert done.stderr == "esc-tui: cannot write to standard output (No space left on device): send it elsewhere\n"


def test_a_busy_web_port_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`serve` names the port and the option."""
    monkeypatch.setitem(sys.modules, "esc_tui.commands.browser_server", SimpleNamespace(LoopbackServer=None))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", "--web-port", str(port)]) == ExitCode.CANNOT_CONNECT
    assert capsys.readouterr().err.startswith(f"esc-tui: cannot serve on port {port} (Address already in use): choose")


def test_localhost_needs_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be looked up, localhost is still this machine, and other names are told."""

    def numbers_only(host: str, port: int | None, **_: object) -> list[tuple[object, ...]]:
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

    monkeypatch.setattr(socket, "getaddrinfo", numbers_only)
    assert resolve("localhost", 1) == [(socket.AF_INET, "127.0.0.1")]
    with pytest.raises(ConnectError, match="check --host"):
        resolve("elsewhere", 1)


def test_a_text_file_named_wav_is_no_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the file and says that it is not sound."""
    path = tmp_path / "letter.wav"
    path.write_text("Dear reader")
    assert run(["sender", "--input", str(path)]) == ExitCode.BAD_INPUT
    assert "letter.wav" in capsys.readouterr().err


def test_a_sender_that_cannot_start_is_a_failed_one(tmp_path: Path) -> None:
    """The console, which goes on, shows why; the exit code tells of it, too."""
    path = tmp_path / "letter.wav"
    path.write_text("Dear reader")
    sender = Sender(SenderSettings(input=path))
    with pytest.raises(AudioFileError):
        sender.start()
    assert isinstance(sender.error, AudioFileError)
    assert sender.snapshots()[0].state is LinkState.FAILED
    assert sender.stop() == ()


def test_nobody_listening_is_told_with_the_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sender gives up after its timeout and says what to check."""
    speech = write_speech(tmp_path / "in.wav", 3200)
    arguments = ["sender", "--input", str(speech), "--port", "1", "--connect-timeout", "0.1", "--model-path", TINY]
    assert run(arguments) == ExitCode.CANNOT_CONNECT
    assert "localhost:1" in capsys.readouterr().err


@pytest.mark.parametrize("spelling", ["--num-streams", "--num_streams"])
def test_the_demo_streams_and_says_where_the_files_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spelling: str
) -> None:
    """One command streams over loopback and leaves the WAV and the chunk files; both spellings are known."""
    speech = write_speech(tmp_path / "in.wav", 20000)
    out = tmp_path / "out"
    options = ["--input", str(speech), "--save-path", str(out), "--model-path", TINY, "--no-realtime", spelling, "2"]
    assert run(["demo", *options]) == ExitCode.DONE
    (wav,), (chunks,) = out.glob("*.wav"), out.glob("*_chunks")
    printed = capsys.readouterr().out
    assert str(wav) in printed
    assert str(chunks) in printed
    assert "2.4kbps" in wav.name


def test_json_lines_tell_snapshots_events_and_a_report(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Standard output holds one JSON object a line and nothing else; the last one is the report."""
    speech = write_speech(tmp_path / "in.wav", 20000)
    options = ["--input", str(speech), "--save-path", str(tmp_path), "--model-path", TINY, "--no-realtime"]
    assert run(["demo", "--json", *options]) == ExitCode.DONE
    records = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert {record["type"] for record in records} == {"snapshot", "event", "report"}
    report = records[-1]
    assert report["type"] == "report"
    assert report["exit_code"] == 0
    assert [stream["role"] for stream in report["streams"]] == ["sender", "receiver"]
    assert all(stream["state"] == "done" and stream["audio_s"] == 1.25 for stream in report["streams"])


def test_ctrl_c_while_nobody_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A sender that waits for its receiver can be interrupted, and still reports."""
    show, shown = JsonOutput.show, threading.Event()

    def show_and_interrupt(output: JsonOutput) -> None:
        show(output)
        if not shown.is_set():
            shown.set()
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(JsonOutput, "show", show_and_interrupt)
    speech = str(write_speech(tmp_path / "in.wav", 3200))
    arguments = ["sender", "--input", speech, "--port", "1", "--connect-timeout", "60", "--model-path", TINY, "--json"]
    assert run(arguments) == ExitCode.INTERRUPTED
    assert json.loads(capsysbinary.readouterr().out.splitlines()[-1])["exit_code"] == ExitCode.INTERRUPTED


@pytest.mark.parametrize(("chosen", "code"), [(None, ExitCode.DONE), (["compress"], ExitCode.WRONG_USE)])
def test_without_a_command_the_launcher_opens(
    chosen: list[str] | None, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given the commands that it offers, and what it returns is run."""
    offered: list[str | None] = []

    def choose(commands: list[click.Command]) -> list[str] | None:
        offered.extend(command.name for command in commands)
        return chosen

    monkeypatch.setattr("esc_tui.cli.in_terminal", lambda: True)
    monkeypatch.setattr("esc_tui.launcher.app.run_launcher", choose)
    assert run([]) == code
    assert offered == ["demo", "sender", "receiver", "compress"]


def test_why_a_stream_failed_is_said_once_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The event says it; the last line does not say it again."""
    speech = str(write_speech(tmp_path / "in.wav", 1600))
    command = ["sender", "--input", speech, "--port", "1", "--connect-timeout", "0", "--model-path", TINY, "--headless"]
    assert run(command) == ExitCode.CANNOT_CONNECT
    assert capsys.readouterr().err.count("cannot connect to localhost:1 ") == 1


def test_the_longest_buffer_can_be_offered() -> None:
    """What `--queue-chunks` may be at most fits the link's limit."""
    assert DEFAULT_LIMITS.max_window_chunks >= MAX_QUEUE_CHUNKS + HISTORY_CHUNKS


INTERRUPTED_IMPORT = """
import os, runpy, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
runpy.run_module("esc_tui", run_name="__main__")
"""


def test_ctrl_c_during_the_start_prints_no_traceback() -> None:
    """Ctrl-C that comes while the command line is imported ends the process with its exit code, in silence."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (ExitCode.INTERRUPTED, "")


def test_windows_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence and exit code 2, whatever the command."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "win32")
        assert run(["--help"]) == ExitCode.WRONG_USE
    assert "Windows is not supported" in capsys.readouterr().err
