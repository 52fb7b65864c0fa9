"""A command's options as the fields of a form, and the form's values as a checked command line."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from codec.errors import EscError, UsageError
from esc_tui.errors import click_message
from esc_tui.options.command import SettingsCommand

Value = str | bool
Values = Mapping[str, Value]
"""What was filled in, by field name: text, or for a flag whether it is set."""

LEFT_OUT = {"help", "list_devices", "headless", "json", "theme", "refresh_hz", "tui", "version"}
"""Parameters that make no sense in the console, or that the console itself offers."""


@dataclass(frozen=True, slots=True)
class Field:
    """One option of a command."""

    name: str
    option: str
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    """The values to choose from; empty where any text may be typed."""
    is_path: bool = False
    """Whether the field takes a file or a folder."""
    off: str = ""
    """The option that resets a flag which is set by default."""
    unset: str = ""
    """What holds where nothing is filled in, in words."""

    @property
    def is_flag(self) -> bool:
        """Whether the field is set or not set, and has no text."""
        return isinstance(self.default, bool)

    @property
    def is_file(self) -> bool:
        """Whether the field takes an existing file."""
        return self.option == "--input"

    def arguments(self, value: Value) -> list[str]:
        """Return what to type for a value: nothing for the default."""
        if value == self.default:
            return []
        if self.is_flag:
            return [self.option] if value else [self.off]
        return [self.option, str(value)]


class Form:
    """The fields of one command, and what their values make."""

    def __init__(self, command: SettingsCommand) -> None:
        self._command = command
        self.name = command.name or ""
        self.summary = (command.help or "").partition("\n")[0]
        options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
        self.fields = tuple(_field(option) for option in options if option.name not in LEFT_OUT)

    def arguments(self, values: Values) -> list[str]:
        """Return the options to type; what has its default is left out."""
        return [
            argument for field in self.fields for argument in field.arguments(values.get(field.name, field.default))
        ]

    def command_line(self, values: Values) -> str:
        """Return what to type in a shell."""
        return shlex.join(["esc-tui", self.name, *self.arguments(values)])

    def problem(self, values: Values) -> str:
        """Return the first reason why the command would not run with these values, as advice; empty for none."""
        for field in self.fields:
            if found := self.field_problem(field, values.get(field.name, field.default)):
                return found
        return self._refusal(self.arguments(values))

    def files_problem(self, values: Values) -> str:
        """Return why the command would not start with values that have no `problem`; empty for no reason.

        Files, folders and the host are looked at, which may take a moment.
        """
        try:
            self._command.check_files(self.arguments(values))
        except EscError as error:
            return str(error)
        return ""

    def field_problem(self, field: Field, value: Value) -> str:
        """Return what is wrong with a single value, as advice; empty for nothing."""
        if value == field.default:
            return ""
        if field.is_file and value and not Path(str(value)).exists():
            return f"there is no file {value}: choose one with ctrl+o"
        return self._refusal(field.arguments(value), parsed_only=True)

    def _refusal(self, arguments: list[str], *, parsed_only: bool = False) -> str:
        try:
            self._command.check(arguments, parsed_only=parsed_only)
        except click.ClickException as error:
            return click_message(error)
        except UsageError as error:
            return str(error)
        return ""


def _field(option: click.Option) -> Field:
    default = option.get_default(click.Context(click.Command("launcher"), resilient_parsing=True))
    text = str(default) if isinstance(default, str | int | float | Path) else ""
    meaning, _, unset = (option.help or "").partition("  [default: ")
    return Field(
        name=option.name or "",
        option=option.opts[0],
        default=default is True if option.is_flag else text,
        help=meaning,
        choices=tuple(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else (),
        is_path=isinstance(option.type, click.Path),
        off=option.secondary_opts[0] if option.secondary_opts else "",
        unset=unset.removesuffix("]"),
    )
