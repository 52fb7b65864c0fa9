"""Keys and limits on the command line."""

import stat
from pathlib import Path

import pytest

from esc_tui.cli import run
from esc_tui.errors import ExitCode
from esc_tui.options.security import ByteCount
from net.transport.security.identity import load_identity


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own."""
    folder = tmp_path / "config"
    monkeypatch.setattr("net.transport.security.identity.config_folder", lambda: folder)
    return folder


def test_keygen_makes_a_key_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints fingerprint and path, of a key that is there too; a second key needs --force."""
    assert run(["keygen"]) == ExitCode.DONE
    identity = load_identity(config)
    printed = capsys.readouterr().out
    assert identity.fingerprint in printed
    assert str(identity.path) in printed
    assert stat.S_IMODE(identity.path.stat().st_mode) == 0o600
    assert run(["keygen"]) == ExitCode.DONE
    assert identity.fingerprint in capsys.readouterr().out
    assert load_identity(config).fingerprint == identity.fingerprint
    assert run(["keygen", "--force"]) == ExitCode.DONE
    assert load_identity(config).fingerprint != identity.fingerprint


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["receiver", "--host", "0.0.0.0"], "--insecure"),  # noqa: S104 - that is the point
        (["receiver", "--host", "::", "--headless"], "--tls"),
        (["receiver", "--trust", "1a2b-3c4d-5e6f-0718-293a-4b5c-6d7e-8f90"], "--trust needs --tls"),
        (["receiver", "--allow", "1a2b"], "--allow needs --tls"),
        (["receiver", "--tls", "--allow", "1a2b"], "no fingerprint"),
        (["sender", "--input", "x.wav", "--tls", "--trust", "\x1b[31m"], "no fingerprint"),
        (["receiver", "--max-disk", "-1"], "no size"),
        (["receiver", "--max-disk", "0"], "no size"),
    ],
)
def test_what_cannot_be_secure_is_refused(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is started, and the words say what to type."""
    assert run(arguments) == ExitCode.WRONG_USE
    told = capsys.readouterr().err
    assert hint in told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("text", "count"), [("1", 1), ("500M", 500 << 20), ("2g", 2 << 30), ("10 KiB", 10240), ("1T", 1 << 40), ("7B", 7)]
)
def test_sizes(text: str, count: int) -> None:
    """Bytes, or binary multiples of them."""
    assert ByteCount().convert(text, None, None) == count
