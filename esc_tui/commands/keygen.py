"""`esc-tui keygen`: make this machine's key pair."""

import socket

import click

from esc_tui.errors import ExitCode


@click.command("keygen")
@click.option("--force", is_flag=True, help="Replace the key pair that is there: all peers must trust the new one.")
def command(*, force: bool) -> ExitCode:
    """Make the key pair that --tls uses, unless there is one; print its fingerprint and where it lies.

    Tell the fingerprint to those at the other end: they compare it, or give it to --trust or --allow.
    """
    from net.transport.security import identity as identities  # noqa: PLC0415 - cryptography takes time to load

    folder, name = identities.config_folder(), socket.gethostname()
    there = (folder / identities.FILE_NAME).exists() and not force
    identity = identities.load_identity(folder) if there else identities.make_identity(folder, name, replace=force)
    click.echo(f"fingerprint  {identity.fingerprint}\n{'there, in    ' if there else 'saved as     '}{identity.path}")
    return ExitCode.DONE
