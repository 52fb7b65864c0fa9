"""Exit codes, and the one place that turns an error into words on standard error."""

import enum
import sys

from codec.errors import AudioFileError, ContainerError, ModelError, UsageError
from net.errors import AudioDeviceError, ConnectError, HandshakeFailed, IdentityError, PeerNotTrusted, StreamRefused
from net.text import printable

MAX_LINE_CHARS = 4096


class ExitCode(enum.IntEnum):
    """What the commands return to the shell."""

    DONE = 0
    PARTLY_FAILED = 1
    WRONG_USE = 2
    CANNOT_CONNECT = 3
    STREAM_BROKEN = 4
    BAD_INPUT = 5
    NOT_TRUSTED = 6
    INTERRUPTED = 130


_CODES: dict[type[BaseException], ExitCode] = {
    UsageError: ExitCode.WRONG_USE,
    ConnectError: ExitCode.CANNOT_CONNECT,
    HandshakeFailed: ExitCode.CANNOT_CONNECT,
    PeerNotTrusted: ExitCode.NOT_TRUSTED,
    IdentityError: ExitCode.BAD_INPUT,
    ModelError: ExitCode.BAD_INPUT,
    AudioFileError: ExitCode.BAD_INPUT,
    ContainerError: ExitCode.BAD_INPUT,
    AudioDeviceError: ExitCode.BAD_INPUT,
    KeyboardInterrupt: ExitCode.INTERRUPTED,
}
_REFUSALS = {"model": ExitCode.BAD_INPUT, "format": ExitCode.BAD_INPUT, "busy": ExitCode.CANNOT_CONNECT}


def exit_code(error: BaseException | None) -> ExitCode:
    """The exit code that stands for an error, or for none."""
    if error is None:
        return ExitCode.DONE
    if isinstance(error, StreamRefused):
        return _REFUSALS.get(error.code, ExitCode.STREAM_BROKEN)
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.STREAM_BROKEN)


def tell(error: BaseException) -> None:
    """Say on standard error what went wrong."""
    lines = (printable(line, MAX_LINE_CHARS) for line in str(error).splitlines())  # it may name what a peer sent
    print("esc-tui: " + "\n".join(lines), file=sys.stderr)
