"""`esc-tui completion`: the script that completes the command line in a shell."""

import click

from esc_tui.completion import SHELLS, completion_script
from esc_tui.errors import ExitCode

WHERE = """
\b
bash   esc-tui completion bash > ~/.local/share/bash-completion/completions/esc-tui
zsh    esc-tui completion zsh > "${fpath[1]}/_esc-tui"
fish   esc-tui completion fish > ~/.config/fish/completions/esc-tui.fish
"""


@click.command("completion", epilog=WHERE)
@click.argument("shell", type=click.Choice(SHELLS))
def command(*, shell: str) -> ExitCode:
    """Print the script that completes commands, options, files, devices and choices in a shell.

    Save it where the shell looks for such scripts, and begin a new shell.
    """
    click.echo(completion_script(shell, click.get_current_context().find_root().command))
    return ExitCode.DONE
