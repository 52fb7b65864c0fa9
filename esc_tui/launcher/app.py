"""The launcher: choose what to run, fill in a form that checks itself, see the command line, start."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import Checkbox, Input, OptionList, Select, Static
from textual.widgets.option_list import Option

from esc_tui.console.theme import DARK, THEMES
from esc_tui.console.widgets.key_bar import KeyBar
from esc_tui.launcher.file_picker import FilePicker
from esc_tui.launcher.form import Form, Value
from esc_tui.launcher.last_launch import LastLaunch, launch_file, load_last_launch, save_last_launch
from esc_tui.launcher.rows import FieldRow, row_of
from esc_tui.options.command import SettingsCommand

WIDE_CELLS = 110
"""From this width on the meaning of each option stands beside it."""
HINT = "enter to fill in, ctrl+s to start"


def run_launcher(commands: Sequence[SettingsCommand]) -> list[str] | None:
    """Let a person fill in one of these commands; return the arguments of `esc-tui`, or None if the person left."""
    return LauncherApp(commands, launch_file()).run()


class LauncherApp(App[list[str]]):
    """Returns the name and options of one of `commands`; the last ones are remembered at `path`."""

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

    def __init__(self, commands: Sequence[SettingsCommand], path: Path) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name
        self._path = path
        self._forms = {form.name: form for form in map(Form, commands)}
        last = load_last_launch(path)
        self.command = last.command if last.command in self._forms else next(iter(self._forms))
        """The command that is being filled in."""
        self._values: dict[str, dict[str, Value]] = {name: dict(values) for name, values in last.values.items()}

    @property
    def _form(self) -> Form:
        return self._forms[self.command]

    @property
    def _filled(self) -> dict[str, Value]:
        return self._values.get(self.command, {})

    def compose(self) -> ComposeResult:
        """Commands at the left, the form at the right, the command line below."""
        yield Static("[b $primary]esc-tui[/]  what shall run?", id="title")
        with Horizontal(id="main"):
            yield OptionList(*(Option(name, id=name) for name in self._forms), id="commands")
            with Vertical(id="right"):
                yield Static(id="about")
                yield VerticalScroll(id="form")
        yield Static(id="hint")
        yield Static(id="line")
        yield KeyBar()

    async def on_mount(self) -> None:
        """Show the command of last time."""
        commands = self.query_one("#commands", OptionList)
        commands.highlighted = list(self._forms).index(self.command)
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
        """Show the meaning of the focused option."""
        row = row_of(message.widget)
        self.query_one("#hint", Static).update(Content(row.hint if row else HINT))
        self._check()

    def action_start(self) -> None:
        """Leave with what is filled in, unless something is wrong with it."""
        problem = self._problem() or self._form.files_problem(self._filled)
        if problem:
            self._show_line(problem)
            self.bell()
            return
        save_last_launch(self._path, LastLaunch(self.command, self._values))
        self.exit([self.command, *self._form.arguments(self._filled)])

    def action_pick(self) -> None:
        """Choose a path for the focused option, or for the input."""
        row = row_of(self.focused)
        if row is None or not row.field.is_path:
            row = next((row for row in self.query(FieldRow) if row.field.is_file), None)
        if row is not None:
            editor = row.query_one(Input)
            start = Path(editor.value).expanduser()
            picker = FilePicker(start if start.is_dir() else start.parent, picks_folder=not row.field.is_file)
            self.push_screen(picker, lambda path: setattr(editor, "value", str(path)) if path else None)

    async def action_reset(self) -> None:
        """Fill in the defaults."""
        self._values.pop(self.command, None)
        await self._show_form()

    def action_choose(self) -> None:
        """Go back to the list of commands."""
        self.query_one("#commands").focus()

    async def _show_form(self) -> None:
        self.query_one("#about", Static).update(self._form.summary)
        self.query_one("#hint", Static).update(HINT)
        values, rows = self._filled, self.query_one("#form")
        await rows.remove_children()
        await rows.mount_all(FieldRow(field, values.get(field.name, field.default)) for field in self._form.fields)
        self._check()

    def _problem(self) -> str:
        row = row_of(self.focused)
        own = self._form.field_problem(row.field, row.value) if row else ""
        return own or self._form.problem(self._filled)

    def _check(self) -> None:
        for row in self.query(FieldRow):
            row.set_class(bool(self._form.field_problem(row.field, row.value)), "-wrong")
        self._show_line(self._problem())

    def _show_line(self, problem: str) -> None:
        """Show the command line, or why it cannot be run."""
        line = self.query_one("#line", Static)
        line.set_class(bool(problem), "-wrong")
        line.update(Content(f"✗ {problem}" if problem else f"$ {self._form.command_line(self._filled)}"))
