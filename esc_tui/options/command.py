"""Commands whose parameter values make settings, and the means to make them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click import option
from click.core import ParameterSource

from codec.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SettingsT = TypeVar("SettingsT", bound="DataclassInstance")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

Values = Mapping[str, Any]
"""The values of a command's parameters, by the parameters' names."""


class SettingsCommand(click.Command):
    """A command that makes settings of its values; `make_settings` raises `UsageError` for those that cannot work.

    `check_files` raises an `EscError` for what only files, folders and the machine show.
    """

    def __init__(
        self,
        *arguments: Any,
        make_settings: Callable[[Values], object],
        check_files: Callable[[Values], object],
        **attributes: Any,
    ) -> None:
        super().__init__(*arguments, **attributes)
        self._make_settings, self._check_files = make_settings, check_files

    def check(self, arguments: Sequence[str], *, parsed_only: bool = False) -> None:
        """Raise what the command would raise for these arguments: `click.ClickException` or `UsageError`.

        With `parsed_only` each value is checked by itself, and not what they make together.
        """
        with self.make_context(self.name, list(arguments)) as context:
            if not parsed_only:
                self._make_settings(context.params)

    def check_files(self, arguments: Sequence[str]) -> None:
        """Raise the `EscError` for which the command would not start with these arguments, which have passed `check`.

        It may take a moment: files are opened and names of hosts are looked up.
        """
        with self.make_context(self.name, list(arguments)) as context:
            self._check_files(context.params)


flag = partial(option, is_flag=True)
"""An option without a value."""


def build(kind: type[SettingsT], values: Values, **computed: Any) -> SettingsT:
    """Build settings of `kind`: each field as computed, else from the parameter of its name.

    Raises `KeyError` for a field with neither: a parameter that is named otherwise would be dropped without a word.
    """
    taken = {field.name: values[field.name] for field in fields(kind) if field.init and field.name not in computed}
    return kind(**taken, **computed)


def options_given(*parameters: str) -> list[str]:
    """Return those of these parameters of the running command that were given, as they are typed."""
    context = click.get_current_context()
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in parameters and context.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT
    ]


def require_extra(option: str, extra: str, *modules: str) -> None:
    """Raise `UsageError` where a package of an extra, which the option needs, is not installed; imports none."""
    if not all(map(find_spec, modules)):
        packages = "one more package" if len(modules) == 1 else f"{len(modules)} more packages"
        raise UsageError(f"{option} needs {packages}: run pip install 'esc-tui[{extra}]'")


def compose(*decorators: Callable[[FunctionT], FunctionT]) -> Callable[[FunctionT], FunctionT]:
    """Combine decorators, so that options appear in the order in which they are written."""

    def decorate(function: FunctionT) -> FunctionT:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


@dataclass(frozen=True, slots=True)
class Display:
    """How a command shows its work; raises `UsageError` for a refresh rate out of range."""

    headless: bool = False
    json: bool = False
    theme: str | None = None
    refresh_hz: float = 8.0

    def __post_init__(self) -> None:
        if not 1 <= self.refresh_hz <= 30:
            raise UsageError(f"--refresh-hz must be 1 to 30, not {self.refresh_hz:g}")


display_options = compose(
    flag("--headless", help="No console: progress on standard error, then a summary."),
    flag("--json", help="No console: one JSON object a line on standard output."),
    option("--theme", metavar="NAME", help="The console's theme, such as textual-light or nord."),
    option("--refresh-hz", default=8.0, metavar="HZ", help="Refreshes of the numbers a second, 1 to 30."),
)
