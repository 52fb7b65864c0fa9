"""Files that stand under their name whole, or not at all."""

import contextlib
import os
import secrets
from pathlib import Path


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Create the file `path`, or replace the one that is there, at once: readers see the old content or the new.

    `mode`, less the umask, is the new file's. Raises `OSError`; then what stood there is unchanged.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(fresh, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
