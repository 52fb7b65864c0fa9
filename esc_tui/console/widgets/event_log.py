"""The event log: thousands of lines, of which only the visible ones are drawn.

Not a `RichLog`: that keeps lines and not events, and writing 10,000 of them anew for a filter takes over a second.
"""

from collections import deque
from collections.abc import Iterable

from rich.text import Text
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from esc_tui.console.drawing.event_lines import EventLine, event_lines, event_text
from esc_tui.console.drawing.state import severity_style
from esc_tui.console.view import LoggedEvent
from esc_tui.console.widgets.themed import Themed
from net.telemetry.stats import Severity

KEPT = 10_000
SEVERITY_ORDER: tuple[Severity, ...] = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class EventLog(Themed, ScrollView, can_focus=True):
    """Keeps the last 10,000 events, shows those that pass a filter, follows the newest while the end is in sight."""

    DEFAULT_CSS = """
    EventLog { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.kept: deque[LoggedEvent] = deque(maxlen=KEPT)
        """The events that are kept, oldest first."""
        self._shown: deque[LoggedEvent] = deque(maxlen=KEPT)
        self._lines: deque[EventLine] = deque()
        self._lines_width = 0
        self._severities, self._needle = SEVERITY_ORDER, ""
        self.anchor()

    def append(self, events: Iterable[LoggedEvent]) -> None:
        """Add events."""
        new = list(events)
        self.kept.extend(new)
        wanted = self._wanted(new)
        self._shown.extend(wanted)
        self._add_lines(wanted)

    @property
    def text(self) -> str:
        """All shown events, one a line."""
        return "\n".join(map(event_text, self._shown))

    @property
    def shown_count(self) -> int:
        """How many events pass the filter."""
        return len(self._shown)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that was selected with the mouse."""
        return selection.extract("\n".join(line.text for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's signature
        """Show what is selected."""
        self.refresh()

    def filter(self, lowest: Severity, needle: str) -> None:
        """Show events of at least a severity that contain a text, in any case; go to the newest."""
        self._severities, self._needle = SEVERITY_ORDER[SEVERITY_ORDER.index(lowest) :], needle.casefold()
        self._shown = deque(self._wanted(self.kept), KEPT)
        self._lay_out()
        self.anchor()

    def on_resize(self) -> None:
        """Fit the lines to the new width."""
        if self.size.width != self._lines_width:
            self._lay_out()

    def render_line(self, y: int) -> Strip:
        """The line at line `y` of the window."""
        index, width = y + self.scroll_offset.y, self.size.width
        if index >= len(self._lines):
            return Strip.blank(width, self.ground)
        event_line = self._lines[index]
        time, severity = event_line.head
        style = severity_style(event_line.logged.event.severity, self.palette)
        text = Text.assemble((time, self.palette.muted), (severity, style), (event_line.words, self.palette.value))
        span = self.text_selection.get_span(index) if self.text_selection else None
        if span is not None:
            end = span[1] if span[1] >= 0 else len(text)
            text.stylize(self.screen.get_component_rich_style("screen--selection"), span[0], end)
        strip = Strip(text.render(self.app.console)).adjust_cell_length(width)
        return strip.apply_style(self.ground).apply_offsets(0, index)

    def _wanted(self, events: Iterable[LoggedEvent]) -> list[LoggedEvent]:
        return [
            logged for logged in events
            if logged.event.severity in self._severities and self._needle in logged.event.text.casefold()
        ]  # fmt: skip

    def _lay_out(self) -> None:
        self._lines.clear()
        self._lines_width = self.size.width
        self._add_lines(self._shown)

    def _add_lines(self, events: Iterable[LoggedEvent]) -> None:
        for logged in events:
            self._lines.extend(event_lines(logged, self._lines_width))
        while self._lines and self._lines[0].logged is not self._shown[0]:
            self._lines.popleft()  # of an event that is kept no longer
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()
