"""The command line. It imports neither torch nor Textual: a command's module loads what it runs, when it runs."""

import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

import click

from codec.errors import EscError, UsageError
from esc_tui.completion import PROGRAM, VARIABLE
from esc_tui.errors import ExitCode, click_message, exit_code, print_error
from esc_tui.terminal import in_terminal

STDOUT_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""A full or broken disk; such errors of other files name the file and are handled where it is written."""

COMMANDS = {
    "sender": "Stream a sound file or a microphone to a receiver.",
    "receiver": "Receive streams, decode, save and play them.",
    "demo": "Show both ends of a link in one terminal, over a real loopback socket.",
    "devices": "List microphones and speakers.",
    "serve": "Show the console in a browser, on this machine.",
    "compress": "Code sound files, and save the codes and what the codec makes of them.",
    "decompress": "Decode .esc files.",
    "keygen": "Show the fingerprint of the key pair that --tls uses; make the pair if there is none.",
    "info": "Tell what is in .esc files.",
    "completion": "Print the script that completes the command line in bash, zsh or fish.",
}
"""Names and summaries, in the order of the help."""
LAUNCHED = ("demo", "sender", "receiver", "compress")
"""The commands that the launcher offers."""


def load_command(name: str) -> click.Command:
    """Import the module `esc_tui.commands.<name>` and return its `command`."""
    command: click.Command = import_module(f"esc_tui.commands.{name}").command
    return command


class LazyGroup(click.Group):
    """Lists the commands by name and summary, and imports only the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None for an unknown name."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _with_hyphens(name: str) -> str:
    return name.replace("_", "-")


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": _with_hyphens,
        "max_content_width": 100,
        "show_default": True,
    },
)
@click.version_option(version("esc-tui"), prog_name="esc-tui")
def cli() -> None:
    """Stream speech at 1.5 to 9 kbps with the ESC neural codec, and see every stage of the link at work.

    Options may be written with hyphens or underscores: --num-streams, --num_streams.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a file's name may have letters that the locale has not
    try:
        code = run(arguments)
    except OSError as error:
        if error.errno not in STDOUT_FAULTS or error.filename is not None:
            raise
        print_error(EscError(f"cannot write to standard output ({error.strerror}): send it elsewhere"))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the buffered rest would fail again at exit
        code = ExitCode.BAD_INPUT
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name (default: the process's own); return the exit code."""
    try:
        if sys.platform == "win32":
            raise UsageError("Windows is not supported: use Linux, macOS or the Windows Subsystem for Linux")
        _check_working_folder()
        return int(
            cli.main(arguments, prog_name=PROGRAM, complete_var=VARIABLE, standalone_mode=False) or ExitCode.DONE
        )
    except click.exceptions.NoArgsIsHelpError as error:
        if error.ctx.command is cli and in_terminal():
            return _run_launcher()
        click.echo(error.ctx.get_help())
        return ExitCode.DONE
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        path = context.command_path if context else "esc-tui"
        print_error(UsageError(f"{click_message(error)} ({path} --help tells more)"))
        return ExitCode.WRONG_USE
    except EscError as error:
        print_error(error)
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED


def _check_working_folder() -> None:
    """Raise `UsageError` where the working folder was removed: Intel's MKL ends the process there, without a word."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise UsageError("the working folder was removed: change to another one, such as with cd ~") from error


def _run_launcher() -> int:
    from esc_tui.launcher.app import run_launcher  # noqa: PLC0415 - importing Textual takes time
    from esc_tui.options.command import SettingsCommand  # noqa: PLC0415 - the help needs no settings

    commands = (load_command(name) for name in LAUNCHED)
    arguments = run_launcher([command for command in commands if isinstance(command, SettingsCommand)])
    if arguments is None:
        return ExitCode.DONE
    return run([*arguments, "--tui"] if arguments[0] == "compress" else arguments)
