"""`--metrics-port` and `--metrics-host`, as they are typed."""

import importlib.util
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from esc_tui.cli import run
from esc_tui.errors import ExitCode
from tests.conftest import DATA
from tests.net.links import write_speech

MODEL = ["--model-path", str(DATA / "golden" / "tiny")]
REPORT_MODULES = (
    "print(*(name for name in sys.modules if name.startswith(('prometheus', 'http.server', 'net.metrics'))))"
)


def test_nothing_is_loaded_without_the_option(tmp_path: Path) -> None:
    """A stream that is sent and received whole needs neither prometheus-client nor an HTTP server."""
    speech = write_speech(tmp_path / "speech.wav", 16000)
    arguments = ["demo", "--input", str(speech), "--no-realtime", "--headless", "--save-path", str(tmp_path), *MODEL]
    code = f"import sys; from esc_tui.cli import run; assert run({arguments}) == 0; {REPORT_MODULES}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("command", [["receiver", "--port", "0"], ["sender"]])
def test_a_port_that_is_taken_ends_the_command(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one line that names the options, and the code of a port that cannot be had."""
    speech = write_speech(tmp_path / "speech.wav", 1600)
    arguments = ["--input", str(speech)] if command == ["sender"] else ["--save-path", str(tmp_path)]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = run([*command, *arguments, "--headless", "--metrics-port", str(port), *MODEL])
    assert code == ExitCode.CANNOT_CONNECT
    told = capsys.readouterr().err
    assert re.fullmatch(rf"esc-tui: cannot listen on \S+:{port} \(.*\): choose another --metrics-host or .*\n", told)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--metrics-host", "0.0.0.0"], "add --metrics-port"),  # noqa: S104 - refused
        (["--metrics-port", "65536"], "--metrics-port must be 0 to 65535, not 65536"),
        (["--metrics-port", "many"], "'--metrics-port'"),
        (["--metrics-port", "1", "--metrics-host", "a:1"], "'--metrics-host'"),
    ],
)
def test_wrong_use_is_explained(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake is one line, and wrong use."""
    assert run(["receiver", "--port", "0", *arguments]) == ExitCode.WRONG_USE
    told = capsys.readouterr().err
    assert hint in told
    assert told.count("\n") == 1


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without prometheus-client the option says how to install it."""
    find = importlib.util.find_spec

    def find_others(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "prometheus_client" else find(name, package)

    monkeypatch.setattr("esc_tui.options.command.find_spec", find_others)
    assert run(["receiver", "--metrics-port", "0"]) == ExitCode.WRONG_USE
    assert "pip install 'esc-tui[prometheus]'" in capsys.readouterr().err


def test_a_running_receiver_is_scraped(tmp_path: Path) -> None:
    """The address is printed, the state is served there, and Ctrl-C ends both."""
    arguments = ["receiver", "--port", "0", "--metrics-port", "0", "--save-path", str(tmp_path), "--headless", *MODEL]
    with subprocess.Popen([sys.executable, "-m", "esc_tui", *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().removeprefix("esc-tui: metrics are served at ").strip()
        assert process.stderr.readline().startswith("listening on")
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - http, as the command says
            assert 'esc_streams_running{role="receiver"} 0.0' in response.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == ExitCode.INTERRUPTED
