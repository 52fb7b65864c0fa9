"""What tests of the commands on files share: a small model, and what lies in a folder."""

from pathlib import Path

from tests.conftest import DATA

MODEL = ["--model-path", str(DATA / "golden" / "tiny")]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
