"""`esc-tui keygen`: make this machine's key pair."""

import socket

import click

from esc_tui.errors import ExitCode


@click.command("keygen")
@click.option("--force", is_flag=True, help="Replace the key pair that is there: all peers must trust the new one.")
def command(*, force: bool) -> ExitCode:
    """Make the key pair that --tls uses, and print its fingerprint and where it lies.

    Tell the fingerprint to those at the other end: they compare it, or give it to --trust or --allow.
    """
    from net.security.identity import config_folder, make_identity  # noqa: PLC0415 - cryptography takes time to load

    identity = make_identity(config_folder(), socket.gethostname(), replace=force)
    click.echo(f"fingerprint  {identity.fingerprint}\nsaved as     {identity.path}")
    return ExitCode.DONE
