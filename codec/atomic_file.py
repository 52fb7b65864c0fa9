"""Files that stand under their name whole, or not at all."""

import contextlib
import errno
import fcntl
import os
import secrets
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from codec.errors import AudioFileError, EscError

COPY_BYTES = 1 << 20
PART_SUFFIX = ".esc-tui.part"
PART_SUFFIX_BYTES = 14
"""What a file that grows has after its final name, at most."""


def check_folder(folder: Path) -> None:
    """Raise `AudioFileError` where no file can be made in the folder, or no such folder."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        reason = "is no folder"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        reason = "may not be written to"
    else:
        return
    raise AudioFileError(f"cannot save in {str(folder)!r}: {str(nearest)!r} {reason}: choose another --save-path")


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, where they are not there. Raises `OSError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(path for path in (folder, *folder.parents) if path.exists() and not path.is_dir())
        raise NotADirectoryError(errno.ENOTDIR, f"{str(file)!r} is no folder") from error


def write_atomically(path: Path, data: bytes, mode: int = 0o666, *, sync: bool = False) -> None:
    """Create the file `path`, or replace the one that is there, at once: readers see the old content or the new.

    `mode`, less the umask, is the new file's; `sync` waits until the disk has it. Raises `OSError`; then what stood
    there is unchanged.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(fresh, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def file_version(path: Path) -> tuple[int, int, int] | None:
    """What differs when a file was changed or replaced; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def write_all(file: FileIO, data: bytes) -> None:
    """Write everything to an unbuffered file, which may take less at a time. Raises `OSError`."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def copy_bytes(source: FileIO, target: FileIO, count: int) -> None:
    """Copy so many bytes from where one file stands to where the other does. Raises `OSError`."""
    while count:
        block = source.read(min(COPY_BYTES, count))
        if not block:
            raise OSError("what was written before cannot be read")
        write_all(target, block)
        count -= len(block)


class PartFile:
    """A binary file that grows beside its final name as `NAME.esc-tui.part`, until `finish` gives it that name.

    `abort` removes it instead, and so does an error within its `with` block. A file that a killed process left under
    that name is overwritten; while another process writes there, the name is `NAME.<random>.part`. Errors are raised
    as the kind `error`, naming the path: that a file exists there and `overwrite` is False, or that it cannot be
    written, which also aborts. With `keep_on_error` a failed write changes nothing instead, and can be tried again; a
    file that was deleted meanwhile is written anew.
    """

    def __init__(
        self, path: Path, error: type[EscError], *, overwrite: bool = False, keep_on_error: bool = False
    ) -> None:
        self.path = path
        self.size = 0
        """Bytes that were appended."""
        self._error, self._overwrite, self._keep_on_error = error, overwrite, keep_on_error
        self._refuse_to_overwrite()
        try:
            self.part, self.file = _open_part(path)
        except OSError as cause:
            raise self.cannot_write(cause) from cause

    @property
    def open(self) -> bool:
        """Whether neither `finish` nor `abort` has ended it."""
        return not self.file.closed

    def append(self, data: bytes) -> None:
        """Write bytes at the end; they can be read from the file when this returns."""
        self._write(data, self.size)
        self.size += len(data)

    def replace_start(self, data: bytes) -> None:
        """Write bytes over the first ones."""
        self._write(data, 0)

    def finish(self) -> None:
        """Close the file and give it its name; raises where the disk has not taken all of it."""
        try:
            self._refuse_to_overwrite()
            if not self._keep_on_error:
                os.fsync(self.file.fileno())  # a delayed write that failed is an error here at the latest
            self.part.replace(self.path)  # before its lock goes with `close`
            self.file.close()
        except EscError:
            self.abort()
            raise
        except OSError as cause:
            self.abort()
            raise self.cannot_write(cause) from cause

    def abort(self) -> None:
        """Remove the file and close it; after `finish` this does nothing."""
        if self.open:
            with contextlib.suppress(OSError):
                self.part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.file.close()

    def cannot_write(self, cause: Exception) -> EscError:
        """The error to raise where `cause` keeps the file from being written."""
        reason = cause.strerror if isinstance(cause, OSError) else None
        return self._error(f"cannot write {str(self.path)!r}: {reason or cause}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.abort()

    def _write(self, data: bytes, offset: int) -> None:
        try:
            if self._keep_on_error and os.fstat(self.file.fileno()).st_nlink == 0:
                self._write_anew()
            self.file.seek(offset)
            write_all(self.file, data)
        except OSError as cause:
            if self._keep_on_error:
                with contextlib.suppress(OSError):
                    self.file.truncate(self.size)
            else:
                self.abort()
            raise self.cannot_write(cause) from cause

    def _write_anew(self) -> None:
        """Copy the deleted file, which lives on while it is open, to a new one."""
        part, fresh = _open_part(self.path)
        try:
            self.file.seek(0)
            copy_bytes(self.file, fresh, self.size)
        except BaseException:
            fresh.close()
            raise
        deleted, self.part, self.file = self.file, part, fresh
        deleted.close()

    def _refuse_to_overwrite(self) -> None:
        if not self._overwrite and self.path.exists():
            raise self._error(f"{str(self.path)!r} is there already: use --overwrite, or another --save-path")


def _open_part(path: Path) -> tuple[Path, FileIO]:
    make_folder(path.parent)
    part = path.with_name(path.name + PART_SUFFIX)
    file = _open_locked(part)
    if file is None:
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        file = part.open("x+b", buffering=0)
    return part, file


def _open_locked(part: Path) -> FileIO | None:
    """Create or empty the file and lock it; None where another process has it, or it is no plain file."""
    try:
        file = open(part, "w+b", buffering=0, opener=_open_untruncated)  # noqa: SIM115 - the caller closes it
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), os.stat(part)):  # its owner did not finish just now
            file.truncate(0)
            return file
    except OSError:  # it is locked, or there are no locks here
        pass
    file.close()
    return None


def _open_untruncated(name: str, _flags: int) -> int:
    """Open without waiting for a pipe, following a link, or emptying a file that another process may be writing."""
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
