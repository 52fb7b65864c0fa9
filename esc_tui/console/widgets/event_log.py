"""The event log: thousands of lines, of which only the visible ones are drawn.

Not a `RichLog`: that keeps lines and not events, and writing 10,000 of them anew for a filter takes over a second.
"""

from collections import deque
from collections.abc import Iterable

from rich.segment import Segment
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from esc_tui.console.drawing.event_lines import EventLine, event_lines, event_text
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.state import severity_style
from esc_tui.console.view import LoggedEvent
from esc_tui.console.widgets.themed import Themed
from net.telemetry.stats import Severity

KEPT = 10_000
SEVERITY_ORDER = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class EventLog(Themed, ScrollView, can_focus=True):
    """Keeps the last 10,000 events, shows those of at least a severity that contain a text, follows the newest."""

    DEFAULT_CSS = """
    EventLog { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    lowest: var[Severity] = var(Severity.INFO)
    """The least severity that is shown."""
    needle: var[str] = var("")
    """What a shown event's text must contain, in any case."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.kept: deque[LoggedEvent] = deque(maxlen=KEPT)
        """The events that are kept, oldest first."""
        self._shown: deque[LoggedEvent] = deque(maxlen=KEPT)
        self._lines: deque[EventLine] = deque()
        self._lines_width = 0
        self._follows = True

    def append(self, events: Iterable[LoggedEvent]) -> None:
        """Add events, and scroll to them where the end was in sight."""
        new = list(events)
        self.kept.extend(new)
        wanted = self._wanted(new)
        self._shown.extend(wanted)
        self._add_lines(wanted)
        self._resize()

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

    def watch_lowest(self) -> None:
        """Filter again."""
        self._filter()

    def watch_needle(self) -> None:
        """Filter again."""
        self._filter()

    def on_resize(self) -> None:
        """Fit the lines to the new width."""
        if self.size.width != self._lines_width:
            self._lay_out()
        self._resize()

    def render_line(self, y: int) -> Strip:
        """The line at line `y` of the window."""
        index, width = y + self.scroll_offset.y, self.size.width
        if index >= len(self._lines):
            return Strip.blank(width, self.ground)
        event_line = self._lines[index]
        time, severity = event_line.head
        style = severity_style(event_line.logged.event.severity, self.palette)
        line = Line().add(time, self.palette.muted).add(severity, style).add(event_line.words, self.palette.value)
        strip = self._mark_selection(line.strip(width).apply_style(self.ground), index)
        return strip.apply_offsets(0, index)

    def _mark_selection(self, strip: Strip, index: int) -> Strip:
        span = self.text_selection.get_span(index) if self.text_selection else None
        if span is None:
            return strip
        start, end = span[0], span[1] if span[1] >= 0 else strip.cell_length
        before, marked, after = strip.divide([start, end, strip.cell_length])
        style = self.screen.get_component_rich_style("screen--selection")
        return Strip.join([before, Strip(Segment.apply_style(marked, post_style=style)), after])

    def _wanted(self, events: Iterable[LoggedEvent]) -> list[LoggedEvent]:
        severities, needle = SEVERITY_ORDER[SEVERITY_ORDER.index(self.lowest) :], self.needle.casefold()
        return [
            logged for logged in events
            if logged.event.severity in severities and needle in logged.event.text.casefold()
        ]  # fmt: skip

    def _filter(self) -> None:
        self._shown = deque(self._wanted(self.kept), KEPT)
        self._follows = True
        self._lay_out()
        self._resize()

    def _lay_out(self) -> None:
        self._lines.clear()
        self._lines_width = self.size.width
        self._add_lines(self._shown)

    def _add_lines(self, events: Iterable[LoggedEvent]) -> None:
        for logged in events:
            self._lines.extend(event_lines(logged, self._lines_width))
        while self._lines and self._lines[0].logged is not self._shown[0]:
            self._lines.popleft()  # of an event that is kept no longer

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the newest event while the end is in sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) >= self.max_scroll_y:
            self._follows = True
        elif new_value < old_value:
            self._follows = False

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        if self._follows:
            self.scroll_end(animate=False, immediate=True)
        self.refresh()
