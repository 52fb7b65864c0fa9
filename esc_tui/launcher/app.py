"""The launcher: choose what to run, fill in a form that checks itself, see the command line, start."""

from pathlib import Path
from typing import ClassVar

import click
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, OptionList, Select, Static
from textual.widgets.option_list import Option

from esc_tui.cli import COMMANDS, cli
from esc_tui.console.theme import DARK, THEMES
from esc_tui.console.widgets.key_bar import KeyBar
from esc_tui.launcher.checks import problem
from esc_tui.launcher.devices import device_names
from esc_tui.launcher.file_picker import FilePicker
from esc_tui.launcher.form import Field, Value, arguments, command_line, field_problem, fields_of
from esc_tui.launcher.last_launch import LastLaunch, launch_file, load_last_launch, save_last_launch

WIDE_CELLS = 110
"""From here on what each option means stands beside it."""
OFFERED = ("demo", "sender", "receiver", "compress")


def run_launcher() -> list[str] | None:
    """Let a person fill in a command; return its arguments, as `esc-tui` takes them, or None where they left."""
    return LauncherApp(launch_file()).run()


class Flag(Checkbox):
    """A checkbox that says in words, too, whether it is on."""

    def __init__(self, value: bool) -> None:
        super().__init__(value=value, compact=True)
        self._say()

    def watch_value(self) -> None:
        """Say it anew."""
        super().watch_value()
        self._say()

    def _say(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "
        self.label = "on" if self.value else "off"


class Choice(Select[str]):
    """A list that opens by enter: the arrows lead to the next option."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "show_overlay", show=False)]

    def __init__(self, field: Field, value: Value) -> None:
        chosen = value if value in field.choices else field.default
        unset = [] if field.default else [(f"default: {field.unset.partition(';')[0]}", "")]
        options = [*unset, *((choice, choice) for choice in field.choices)]
        super().__init__(options, value=str(chosen), allow_blank=False, compact=True)


class FieldRow(Horizontal):
    """An option's name, the widget to fill it in and, where there is room, what it means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, field: Field, value: Value) -> None:
        super().__init__()
        self.field = field
        self._value = value
        self._devices: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """Name, editor and meaning."""
        yield Label(self.field.option.removeprefix("--").replace("-", " "))
        yield self._editor()
        yield Label(Content(self.field.help), classes="meaning")

    def _editor(self) -> Widget:
        field = self.field
        if field.is_flag:
            return Flag(bool(self._value))
        if field.choices:
            return Choice(field, self._value)
        self._devices = device_names(field.name)
        suggester = SuggestFromList(self._devices, case_sensitive=False) if self._devices else None
        unset = field.unset or "none"
        placeholder = f"{field.unset or 'a sound file'}; ctrl+o to choose" if field.is_file else unset
        return Input(str(self._value), placeholder=placeholder, suggester=suggester, compact=True)

    @property
    def hint(self) -> str:
        """What the option means, what holds without it, and which devices there are."""
        unset = f" Default: {self.field.unset}." if self.field.unset else ""
        here = f" Here: {', '.join(self._devices)}." if self._devices else ""
        return f"{self.field.help}{unset}{here}"

    @property
    def value(self) -> Value:
        """What is filled in now."""
        if self.field.is_flag:
            return self.query_one(Checkbox).value
        if self.field.choices:
            return str(self.query_one(Select).value)
        return self.query_one(Input).value.strip()


class LauncherApp(App[list[str]]):
    """Returns the command and options that were chosen; `path` is where the last ones are remembered."""

    CSS_PATH = "launcher.tcss"
    TITLE = "esc-tui"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE_CELLS, "-wide")]  # noqa: RUF012 - Textual's instance variable

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f5", "start", "Start"),
        Binding("ctrl+o", "pick", "File"),
        Binding("ctrl+r", "reset", "Reset"),
        Binding("escape", "choose", "Command"),
        Binding("ctrl+q,ctrl+c", "quit", "Quit"),
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name
        self._path = path
        last = load_last_launch(path)
        self.command = last.command if last.command in OFFERED else OFFERED[0]
        """The command that is being filled in."""
        self._values: dict[str, dict[str, Value]] = {name: dict(values) for name, values in last.values.items()}
        self._fields = {name: fields_of(_command(name)) for name in OFFERED}

    def compose(self) -> ComposeResult:
        """Commands at the left, the form at the right, the command line below."""
        yield Static("[b $primary]esc-tui[/]  what shall run?", id="title")
        with Horizontal(id="main"):
            yield OptionList(*(Option(name, id=name) for name in OFFERED), id="commands")
            with Vertical(id="right"):
                yield Static(id="about")
                yield VerticalScroll(id="form")
        yield Static(id="hint")
        yield Static(id="line")
        yield KeyBar()

    async def on_mount(self) -> None:
        """Show the command of last time."""
        commands = self.query_one("#commands", OptionList)
        commands.highlighted = OFFERED.index(self.command)
        commands.focus()
        await self._show_form()

    @on(OptionList.OptionHighlighted)
    async def _choose_command(self, message: OptionList.OptionHighlighted) -> None:
        if message.option.id and message.option.id != self.command:
            self.command = message.option.id
            await self._show_form()

    @on(OptionList.OptionSelected)
    def _enter_form(self) -> None:
        self.query_one("#form").query("Input, Checkbox, Select").first().focus()

    @on(Input.Changed)
    @on(Checkbox.Changed)
    @on(Select.Changed)
    def _take_values(self) -> None:
        self._values[self.command] = {row.field.name: row.value for row in self.query(FieldRow)}
        self._check()

    @on(Input.Submitted)
    def _submit(self) -> None:
        self.action_start()

    def on_descendant_focus(self, message: DescendantFocus) -> None:
        """Tell what the focused option means."""
        row = _row_of(message.widget)
        self.query_one("#hint", Static).update(Content(row.hint if row else "enter to fill in, ctrl+s to start"))
        self._check()

    def action_start(self) -> None:
        """Start what is filled in, unless something is wrong with it."""
        if self._problem():
            self.bell()
            return
        save_last_launch(self._path, LastLaunch(self.command, self._values))
        fields, values = self._fields[self.command], self._values.get(self.command, {})
        self.exit([self.command, *arguments(fields, values)])

    def action_pick(self) -> None:
        """Choose a path for the focused option, or for the input."""
        row = _row_of(self.focused)
        if row is None or not row.field.is_path:
            row = next((row for row in self.query(FieldRow) if row.field.is_file), None)
        if row is not None:
            editor = row.query_one(Input)
            start = Path(editor.value).expanduser()
            picker = FilePicker(start if start.is_dir() else start.parent, picks_folder=not row.field.is_file)
            self.push_screen(picker, lambda path: setattr(editor, "value", str(path)) if path else None)

    async def action_reset(self) -> None:
        """Take all defaults again."""
        self._values.pop(self.command, None)
        await self._show_form()

    def action_choose(self) -> None:
        """Go back to the list of commands."""
        self.query_one("#commands").focus()

    async def _show_form(self) -> None:
        self.query_one("#about", Static).update(COMMANDS[self.command])
        self.query_one("#hint", Static).update("enter to fill in, ctrl+s to start")
        values = self._values.get(self.command, {})
        form = self.query_one("#form")
        await form.remove_children()
        await form.mount_all(
            FieldRow(field, values.get(field.name, field.default)) for field in self._fields[self.command]
        )
        self._check()

    def _problem(self) -> str:
        row = _row_of(self.focused)
        own = field_problem(row.field, row.value) if row else ""
        return own or problem(self.command, self._fields[self.command], self._values.get(self.command, {}))

    def _check(self) -> None:
        for row in self.query(FieldRow):
            row.set_class(bool(row.value) and bool(field_problem(row.field, row.value)), "-wrong")
        found = self._problem()
        values = self._values.get(self.command, {})
        line = self.query_one("#line", Static)
        line.set_class(bool(found), "-wrong")
        shown = f"✗ {found}" if found else f"$ {command_line(self.command, self._fields[self.command], values)}"
        line.update(Content(shown))


def _row_of(widget: Widget | None) -> FieldRow | None:
    return next((node for node in widget.ancestors if isinstance(node, FieldRow)), None) if widget else None


def _command(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, name
    return command
