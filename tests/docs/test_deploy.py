import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from esc_tui.cli import load_command
from esc_tui.options.command import SettingsCommand

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
UNIT = DEPLOY / "esc-tui-receiver.service"


def container_command() -> list[str]:
    """The default command of the container."""
    found = re.search(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1])
    return command


def unit_command() -> list[str]:
    """The command of the unit, without its program."""
    found = re.search(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert found
    return shlex.split(found[1])[1:]


@pytest.mark.parametrize("arguments", [container_command(), unit_command()], ids=["container", "unit"])
def test_the_receiver_takes_its_options(arguments: list[str], tmp_path: Path) -> None:
    """What a service is started with is what this version of the command understands."""
    senders = tmp_path / "senders"
    senders.touch()
    name, *options = arguments
    options[options.index("--allow") + 1] = str(senders)
    command = load_command(name)
    assert isinstance(command, SettingsCommand)
    command.check(options)
    assert "--tls" in options


def test_the_image_gets_all_that_it_copies() -> None:
    """What the Dockerfile copies from the project is there, and is not kept from it."""
    root = DEPLOY.parents[1]
    kept = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert sorted(names) == sorted(kept)
    assert all((root / name).exists() for name in names)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """It complains about nothing, given that the program is installed."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/esc-tui/bin/esc-tui", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)],  # noqa: S607 - wherever it is installed
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
