"""The command line. It imports neither torch nor Textual: a command's module loads what it runs, when it runs."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

import click

from codec.errors import EscError, UsageError
from esc_tui.errors import ExitCode, exit_code, tell
from esc_tui.terminal import in_terminal

STDOUT_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""A full or broken disk; elsewhere than on standard output it is dealt with where the file is written."""

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
}


class LazyGroup(click.Group):
    """Knows its commands by name and summary, and imports the module of the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module `esc_tui.commands.<name>` and take its `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"esc_tui.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
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
    },
)
@click.version_option(version("esc-tui"), prog_name="esc-tui")
def cli() -> None:
    """Stream speech at 1.5 to 9 kbps with the ESC neural codec, and see every stage of the link at work.

    Options may be written with hyphens or underscores: --num-streams, --num_streams.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        code = run(arguments)
    except OSError as error:
        if error.errno not in STDOUT_FAULTS or error.filename is not None:
            raise
        tell(EscError(f"cannot write to standard output ({error.strerror}): send it elsewhere"))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail again at exit
        code = ExitCode.BAD_INPUT
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name (default: the process's own); return the exit code."""
    try:
        result = cli.main(arguments, prog_name="esc-tui", standalone_mode=False)
        return int(result or ExitCode.DONE)
    except click.exceptions.NoArgsIsHelpError as error:
        if error.ctx.command is cli and in_terminal():
            return _run_launched()
        click.echo(error.ctx.get_help())
        return ExitCode.DONE
    except click.ClickException as error:
        tell(UsageError(_advice(error)))
        return ExitCode.WRONG_USE
    except EscError as error:
        tell(error)
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED


def _advice(error: click.ClickException) -> str:
    """What click found wrong, in one line, and where help is."""
    told = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "esc-tui"
    return f"{told[:1].lower()}{told[1:]} ({path} --help tells more)"


def _run_launched() -> int:
    from esc_tui.launcher.app import run_launcher  # noqa: PLC0415 - importing Textual takes time

    chosen = run_launcher()
    if chosen is None:
        return ExitCode.DONE
    return run([*chosen, "--tui"] if chosen[0] == "compress" else chosen)
