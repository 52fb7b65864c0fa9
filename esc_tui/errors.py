"""Exit codes, and the one place that prints errors and messages on standard error."""

import enum
import sys

import click

from codec.errors import AudioFileError, ContainerError, IncompleteSound, ModelError, UsageError
from net.errors import AudioDeviceError, ConnectError, HandshakeFailed, IdentityError, PeerNotTrusted, StreamRefused
from net.text import printable

MAX_LINE_CHARS = 4096


class ExitCode(enum.IntEnum):
    """Exit codes of the commands."""

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
    IncompleteSound: ExitCode.PARTLY_FAILED,
    AudioFileError: ExitCode.BAD_INPUT,
    ContainerError: ExitCode.BAD_INPUT,
    AudioDeviceError: ExitCode.BAD_INPUT,
    KeyboardInterrupt: ExitCode.INTERRUPTED,
}
_REFUSALS = {"model": ExitCode.BAD_INPUT, "format": ExitCode.BAD_INPUT, "busy": ExitCode.CANNOT_CONNECT}


def exit_code(error: BaseException | None) -> ExitCode:
    """Return the exit code of an error; None is success."""
    if error is None:
        return ExitCode.DONE
    if isinstance(error, StreamRefused):
        return _REFUSALS.get(error.code, ExitCode.STREAM_BROKEN)
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ExitCode.STREAM_BROKEN)


def print_error(error: BaseException) -> None:
    """Print an error on standard error."""
    print_message(str(error))


def print_message(text: str) -> None:
    """Print a message, which may hold a peer's words, on standard error without control characters."""
    lines = (printable(line, MAX_LINE_CHARS) for line in text.splitlines())
    print("esc-tui: " + "\n".join(lines), file=sys.stderr)


def click_message(error: click.ClickException) -> str:
    """Return what click found wrong, as the beginning of a sentence."""
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}"
