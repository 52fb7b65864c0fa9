"""The kept inputs of each target: one in hex a line, `#` for remarks."""

from pathlib import Path

FOLDER = Path(__file__).parent


def kept_inputs(target: str) -> list[bytes]:
    """The inputs that are kept for a target."""
    path = FOLDER / f"{target}.hex"
    if not path.exists():
        return []
    return [bytes.fromhex(line.partition("#")[0]) for line in path.read_text().splitlines() if line[:1] != "#"]


def keep_inputs(target: str, inputs: list[bytes]) -> None:
    """Keep these inputs beside the others, shortest first."""
    whole = sorted({*kept_inputs(target), *inputs}, key=lambda data: (len(data), data))
    (FOLDER / f"{target}.hex").write_text("".join(f"{data.hex()}\n" for data in whole))
