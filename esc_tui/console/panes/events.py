"""The pane of events: the log, what it is filtered by, and a line to type a filter in."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from esc_tui.console.view import LoggedEvent
from esc_tui.console.widgets.event_log import SEVERITY_ORDER, EventLog
from net.telemetry.stats import Severity

FILTER_WORDS = {
    Severity.INFO: "",
    Severity.WARNING: "warnings and errors",
    Severity.ERROR: "errors",
}


class EventFilter(Input):
    """Where the text is typed that shown events must contain."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep the filter", key_display="enter"),
        Binding("escape", "clear", "Show all events"),
    ]

    def __init__(self) -> None:
        super().__init__(placeholder="show events that contain…", compact=True)

    async def action_clear(self) -> None:
        """Remove the filter."""
        self.value = ""
        await self.action_submit()


class EventsPane(Vertical):
    """The event log with its filter."""

    def __init__(self) -> None:
        super().__init__()
        self.log_widget = EventLog(id="events")
        """The log."""
        self._lowest, self._needle = SEVERITY_ORDER[0], ""

    def compose(self) -> ComposeResult:
        """Title, log, and the filter's input, which is shown while it is needed."""
        yield Static(id="events-title")
        yield self.log_widget
        yield EventFilter()

    def append(self, events: Iterable[LoggedEvent]) -> None:
        """Log events."""
        self.log_widget.append(events)
        self._summarise()

    def step_severity(self) -> None:
        """Show all, then warnings and errors, then errors, then all."""
        self._lowest = SEVERITY_ORDER[(SEVERITY_ORDER.index(self._lowest) + 1) % len(SEVERITY_ORDER)]
        self._filter()

    def find(self) -> None:
        """Show and focus the filter's input."""
        self.add_class("-finding")
        self.query_one(EventFilter).focus()

    @on(Input.Changed)
    def _find(self, message: Input.Changed) -> None:
        message.stop()
        self._needle = message.value
        self._filter()

    @on(Input.Submitted)
    def _end_finding(self, message: Input.Submitted) -> None:
        message.stop()
        self.log_widget.focus()
        self.remove_class("-finding")

    def _filter(self) -> None:
        self.log_widget.filter(self._lowest, self._needle)
        self._summarise()

    def _summarise(self) -> None:
        log = self.log_widget
        filters = [FILTER_WORDS[self._lowest], f"containing “{self._needle}”" if self._needle else ""]
        words = ", ".join(filter(None, filters))
        shown = f"{log.shown_count} of {len(log.kept)} {words}" if words else f"{len(log.kept)}"
        title = Content.from_markup("[b]EVENTS[/b]  [$foreground 60%]$shown[/]", shown=shown)
        self.query_one("#events-title", Static).update(title)
