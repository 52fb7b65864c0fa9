"""The settings of the last launch, in the user's configuration folder."""

from pathlib import Path

import msgspec
from platformdirs import user_config_path


class LastLaunch(msgspec.Struct, frozen=True):
    """The command that was started last, and what was filled in for each command."""

    command: str = "demo"
    values: dict[str, dict[str, str | bool]] = {}


def launch_file() -> Path:
    """Return the path of the last settings."""
    return user_config_path("esc-tui") / "launcher.json"


def load_last_launch(path: Path) -> LastLaunch:
    """Read the last settings; return the defaults where there is no such file, or a broken one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LastLaunch)
    except (OSError, msgspec.DecodeError):
        return LastLaunch()


def save_last_launch(path: Path, launch: LastLaunch) -> bool:
    """Write the settings; return whether that worked, since a launch need not fail for a read-only home."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(launch), indent=2))
    except (OSError, UnicodeEncodeError):  # the latter for a file name that is not UTF-8
        return False
    return True
