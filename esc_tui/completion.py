"""Completion in a shell: the scripts of bash, zsh and fish, and what they ask this program at each tab."""

import re

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

PROGRAM = "esc-tui"
VARIABLE = "_ESC_TUI_COMPLETE"
"""The environment variable by which the scripts ask."""
SHELLS = ("bash", "zsh", "fish")
SPECIAL_CHARACTERS = re.compile(r"([^\w@%+=:,./~-])")


@add_completion_class
class QuotingBashComplete(BashComplete):
    """Quotes what it offers: bash inserts it as it is, and names of devices hold spaces."""

    def format_completion(self, item: CompletionItem) -> str:
        """Return the kind of a completion and its text."""
        return f"{item.type}," + SPECIAL_CHARACTERS.sub(r"\\\1", item.value)


def completion_script(shell: str, command: click.Command) -> str:
    """Return the script that one of `SHELLS` reads to complete the command."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(command, {}, PROGRAM, VARIABLE).source()
