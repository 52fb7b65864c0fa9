"""`esc-tui serve`: the console in a browser."""

import os
import socket

import click

from codec.errors import UsageError
from esc_tui.errors import ExitCode
from net.errors import ConnectError

SERVED = ("demo", "sender", "receiver")


@click.command("serve", context_settings={"ignore_unknown_options": True})
@click.option("--web-port", default=8000, metavar="PORT", help="Port of the web page, on this machine only.")
@click.argument("command_line", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND [OPTIONS]...]")
def command(*, web_port: int, command_line: tuple[str, ...]) -> ExitCode:
    """Show the console in a browser, on this machine.

    COMMAND is demo (the default), sender or receiver, with its own options; each browser window runs one.
    """
    arguments = command_line or ("demo",)
    if arguments[0] not in SERVED:
        raise UsageError(f"'{arguments[0]}' has no console: choose one of {', '.join(SERVED)}")
    if not 0 < web_port < 65536:
        raise UsageError(f"--web-port must be 1 to 65535, not {web_port}")
    try:
        from esc_tui.commands.browser_server import LoopbackServer  # noqa: PLC0415 - an extra, not needed to show the help
    except ImportError as error:
        raise UsageError("the browser console needs textual-serve: pip install 'esc-tui[serve]'") from error
    _check_free(web_port)
    LoopbackServer(arguments, web_port).serve()
    return ExitCode.DONE


def _check_free(port: int) -> None:
    """Raise `ConnectError` where the page cannot be served: its server would fail with a traceback."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # the error's own text has the address as Python writes it
        raise ConnectError(f"cannot serve on port {port} ({reason}): choose another --web-port") from error
