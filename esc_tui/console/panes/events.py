"""The pane of events: the log, what it is filtered by, and a line to type a filter in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from esc_tui.console.drawing.line import Line
from esc_tui.console.view import LoggedEvent
from esc_tui.console.widgets.canvas import Canvas
from esc_tui.console.widgets.event_log import SEVERITY_ORDER, EventLog
from net.telemetry.stats import Severity

FILTER_WORDS = {
    Severity.INFO: "",
    Severity.WARNING: "warnings and errors",
    Severity.ERROR: "errors",
}


class EventsTitle(Canvas):
    """The pane's name, how many events there are, and which of them are shown."""

    summary: reactive[str] = reactive("")
    """What is shown, in words."""

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - always one line
        """The pane's name and its filter."""
        line = Line().add("EVENTS", self.palette.strong).space(2)
        return [line.left(self.summary, max(0, width - line.cells), self.palette.muted)]


class EventFilter(Input):
    """Where the text is typed that shown events must contain."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep the filter", key_display="enter"),
        Binding("escape", "clear", "Show all events"),
    ]

    @dataclass
    class Done(Message):
        """The filter is complete."""

    def __init__(self) -> None:
        super().__init__(placeholder="show events that contain…", compact=True)

    async def action_submit(self) -> None:
        """Keep what was typed."""
        self.post_message(self.Done())

    def action_clear(self) -> None:
        """Remove the filter."""
        self.value = ""
        self.post_message(self.Done())


class EventsPane(Vertical):
    """The event log with its filter."""

    def __init__(self) -> None:
        super().__init__()
        self.log_widget = EventLog(id="events")
        """The log."""

    def compose(self) -> ComposeResult:
        """Title, log, and the filter's input, which is shown while it is needed."""
        yield EventsTitle()
        yield self.log_widget
        yield EventFilter()

    def append(self, events: Iterable[LoggedEvent]) -> None:
        """Log events."""
        self.log_widget.append(events)
        self._summarise()

    def step_severity(self) -> None:
        """Show all, then warnings and errors, then errors, then all."""
        log = self.log_widget
        log.lowest = SEVERITY_ORDER[(SEVERITY_ORDER.index(log.lowest) + 1) % len(SEVERITY_ORDER)]
        self._summarise()

    def find(self) -> None:
        """Let a person type what events must contain."""
        self.add_class("-finding")
        self.query_one(EventFilter).focus()

    @on(Input.Changed)
    def _filter(self, message: Input.Changed) -> None:
        message.stop()
        self.log_widget.needle = message.value
        self._summarise()

    def on_event_filter_done(self, message: EventFilter.Done) -> None:
        """Return to the log."""
        message.stop()
        self.log_widget.focus()
        self.remove_class("-finding")

    def _summarise(self) -> None:
        log = self.log_widget
        filters = [FILTER_WORDS[log.lowest], f"containing “{log.needle}”" if log.needle else ""]
        words = ", ".join(filter(None, filters))
        shown = f"{log.shown_count} of {len(log.kept)} {words}" if words else f"{len(log.kept)}"
        self.query_one(EventsTitle).summary = shown
