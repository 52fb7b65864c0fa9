"""The rows of the form: an option each, with the widget that fits its values."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Select

from esc_tui.launcher.form import Field, Value
from esc_tui.options.devices import device_names


class Flag(Checkbox):
    """A checkbox with its state in words."""

    def __init__(self, value: bool) -> None:
        super().__init__(value=value, compact=True)
        self._show_state()

    def watch_value(self) -> None:
        """Update mark and words."""
        super().watch_value()
        self._show_state()

    def _show_state(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "
        self.label = "on" if self.value else "off"


class Choice(Select[str]):
    """A list that opens by enter; the arrows lead to the next field."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "show_overlay", show=False)]

    def __init__(self, field: Field, value: Value) -> None:
        chosen = value if value in field.choices else field.default
        unset = [] if field.default else [(f"default: {field.unset.partition(';')[0]}", "")]
        options = [*unset, *((choice, choice) for choice in field.choices)]
        super().__init__(options, value=str(chosen), allow_blank=False, compact=True)


class FieldRow(Horizontal):
    """A row of the form: the option's name, the widget to fill it in and, where there is room, its meaning."""

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


def row_of(widget: Widget | None) -> FieldRow | None:
    """Return the row that a widget is in."""
    return next((node for node in widget.ancestors if isinstance(node, FieldRow)), None) if widget else None
