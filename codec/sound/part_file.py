"""Files that appear under their name when they are whole, and not before."""

import contextlib
import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from codec.errors import EscError


class PartFile:
    """A binary file that grows beside its final name as `NAME.esc-tui.part`, until `finish` gives it that name.

    `abort` removes it instead. What a process that was killed has left under that name is overwritten; where another
    process writes there now, the name is `NAME.<random>.part`. Errors are raised as the kind `error`, naming the path:
    that it cannot be written, or that a file stands there already and `overwrite` is False.
    """

    def __init__(self, path: Path, error: type[EscError], *, overwrite: bool = False) -> None:
        self.path = path
        self._error = error
        self._overwrite = overwrite
        self._refuse_to_overwrite()
        self.part = path.with_name(f"{path.name}.esc-tui.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _take_over(self.part)
            if descriptor is None:
                self.part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
                descriptor = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as cause:
            raise self.cannot_write(cause) from cause
        self.file: IO[bytes] = open(descriptor, "r+b", buffering=0)  # noqa: SIM115 - closed by `finish` and `abort`

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
        """Give the file its name and close it."""
        try:
            self._refuse_to_overwrite()
            self.part.replace(self.path)  # before its lock goes with `close`
            self.file.close()
        except EscError:
            self.abort()
            raise
        except OSError as cause:
            self.abort()
            raise self.cannot_write(cause) from cause

    def abort(self) -> None:
        """Remove the file and close it; after `finish` there is nothing to remove."""
        if self.open:
            with contextlib.suppress(OSError):
                self.part.unlink(missing_ok=True)
        self.file.close()

    def cannot_write(self, cause: OSError) -> EscError:
        """The error to raise where the system refuses."""
        return self._error(f"cannot write {str(self.path)!r}: {cause.strerror or cause}")

    def _refuse_to_overwrite(self) -> None:
        if not self._overwrite and self.path.exists():
            raise self._error(f"{str(self.path)!r} is there already: use --overwrite, or another --save-path")


def _take_over(part: Path) -> int | None:
    """Create or empty the file and lock it; return its descriptor, None where it is another's, or no plain file."""
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(part)):  # its owner did not finish just now
            os.ftruncate(descriptor, 0)
            return descriptor
    except OSError:  # it is locked, or there are no locks here
        pass
    os.close(descriptor)
    return None
