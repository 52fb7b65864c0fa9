"""A command's options as the fields of a form, and the form's values as a command line."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

Value = str | bool
Values = Mapping[str, Value]
"""What was filled in, by field name: text, or for a flag whether it is set."""

LEFT_OUT = {"help", "list_devices", "headless", "as_json", "theme", "refresh_hz", "tui", "version"}
"""Options that make no sense in the console, or that the console itself offers."""


@dataclass(frozen=True, slots=True)
class Field:
    """One option of a command. `off` is how a flag that is set by default is taken back."""

    name: str
    option: str
    default: Value
    help: str
    type: click.ParamType[Any]
    is_required: bool = False
    off: str = ""
    unset: str = ""
    """What holds where nothing is filled in, in words."""

    @property
    def is_flag(self) -> bool:
        """Whether the field is set or not set, and has no text."""
        return isinstance(self.default, bool)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values there are to choose from; empty where any text may be typed."""
        return tuple(map(str, self.type.choices)) if isinstance(self.type, click.Choice) else ()

    @property
    def is_path(self) -> bool:
        """Whether the field takes a file or a folder."""
        return isinstance(self.type, click.Path)

    @property
    def is_file(self) -> bool:
        """Whether the field takes an existing file."""
        return self.option == "--input"


def fields_of(command: click.Command) -> tuple[Field, ...]:
    """The options of `command` that a person may want to fill in, in the command's order."""
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return tuple(_field(option) for option in options if option.name not in LEFT_OUT)


def _field(option: click.Option) -> Field:
    context = click.Context(click.Command("launcher"), resilient_parsing=True)
    default = option.get_default(context)
    text = str(default) if isinstance(default, str | int | float | Path) else ""
    value: Value = default is True if option.is_flag else text
    meaning, _, unset = (option.help or "").partition("  [default: ")
    return Field(
        name=option.name or "",
        option=option.opts[0],
        default=value,
        help=meaning,
        type=option.type,
        is_required=option.required,
        off=option.secondary_opts[0] if option.secondary_opts else "",
        unset=unset.removesuffix("]"),
    )


def arguments(fields: Sequence[Field], values: Values) -> list[str]:
    """The options that say what was filled in; what has its default is left out."""
    argv: list[str] = []
    for field in fields:
        value = values.get(field.name, field.default)
        if value == field.default:
            continue
        if field.is_flag:
            argv += [field.option] if value else [field.off] if field.off else []
        else:
            argv += [field.option, str(value)]
    return argv


def command_line(command: str, fields: Sequence[Field], values: Values) -> str:
    """What a person would type in a shell."""
    return shlex.join(["esc-tui", command, *arguments(fields, values)])


def field_problem(field: Field, value: Value) -> str:
    """What is wrong with a single value, with what to do about it; empty where nothing is."""
    if isinstance(value, bool):
        return ""
    if not value:
        return f"{field.option} is needed: choose a file with ctrl+o" if field.is_required else ""
    if field.is_file and not Path(value).expanduser().exists():
        return f"there is no file {value}: choose one with ctrl+o"
    try:
        field.type.convert(value, None, None)
    except click.BadParameter as error:
        return f"{field.option}: {error.message}"
    return ""
