"""Files that appear under their name when they are whole, and not before."""

import contextlib
import secrets
from pathlib import Path
from typing import IO

from codec.errors import EscError


class PartFile:
    """A binary file that grows beside its final name as `NAME.<random>.part`, until `finish` gives it that name.

    `abort` removes it instead. Errors are raised as the kind `error`, naming the path: that it cannot be written, or
    that a file stands there already and `overwrite` is False.
    """

    def __init__(self, path: Path, error: type[EscError], *, overwrite: bool = False) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        self._error = error
        self._overwrite = overwrite
        self._refuse_to_overwrite()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: IO[bytes] = self.part.open("x+b", buffering=0)
        except OSError as cause:
            raise self.cannot_write(cause) from cause

    @property
    def open(self) -> bool:
        """Whether neither `finish` nor `abort` has ended it."""
        return not self.file.closed

    def write(self, data: bytes) -> None:
        """Append bytes; they are in the file, and readable there, when this returns."""
        try:
            self.file.write(data)
        except OSError as cause:
            self.abort()
            raise self.cannot_write(cause) from cause

    def finish(self) -> None:
        """Close the file and give it its name."""
        try:
            self._refuse_to_overwrite()
            self.file.close()
            self.part.replace(self.path)
        except EscError:
            self.abort()
            raise
        except OSError as cause:
            self.abort()
            raise self.cannot_write(cause) from cause

    def abort(self) -> None:
        """Close the file and remove it; after `finish` there is nothing to remove."""
        self.file.close()
        with contextlib.suppress(OSError):
            self.part.unlink(missing_ok=True)

    def cannot_write(self, cause: OSError) -> EscError:
        """The error to raise where the system refuses."""
        return self._error(f"cannot write {str(self.path)!r}: {cause.strerror or cause}")

    def _refuse_to_overwrite(self) -> None:
        if not self._overwrite and self.path.exists():
            raise self._error(f"{str(self.path)!r} is there already: use --overwrite, or another --save-path")
