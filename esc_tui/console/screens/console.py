"""The main screen: the title, a pane for each engine, the events, the keys."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import DescendantFocus
from textual.reactive import var
from textual.screen import Screen

from esc_tui.console.drawing.layout import largest
from esc_tui.console.engine_handle import EngineHandle
from esc_tui.console.messages import EventsLogged, Published
from esc_tui.console.panes.events import EventsPane
from esc_tui.console.panes.stream import StreamPane
from esc_tui.console.publisher import Publisher
from esc_tui.console.saved_files import file_name, save_report
from esc_tui.console.trimmed_output import trim_output
from esc_tui.console.view import View
from esc_tui.console.widgets.key_bar import KeyBar
from esc_tui.console.widgets.title_bar import TitleBar
from net.engine import Engine
from net.runtime.clock import Clock
from net.telemetry.stats import LinkState, Role, StreamStats

WINDOWS_S = (60, 120, 300)
LEAST_PANE_CELLS, LEAST_LINES = 56, 30
"""In less room only one page is shown."""
EVENTS_SHARE = 7
LEAST_EVENTS_LINES = 5
VOLUME_STEP, MOST_VOLUME = 0.1, 2.0


class ConsoleScreen(Screen[None]):
    """Shows what the publisher reads; sends the keys' intents to the engines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.stop", "Quit"),
        Binding("p", "pause", "Pause", tooltip="Pause or resume the pane's stream"),
        Binding("m", "mute", "Mute", tooltip="Send or play silence, or the sound again"),
        Binding("e", "enhance", "Enhance", tooltip="Send the sound as it is, or enhanced again"),
        Binding("plus,equals_sign", "streams(1)", "Streams", key_display="+", tooltip="One stream more, 1.5 kbps"),
        Binding("minus", "streams(-1)", "Streams", key_display="−", tooltip="One stream less"),
        Binding("question_mark", "app.push_screen('help')", "Help", key_display="?", tooltip="What every number means"),
        Binding("z", "toggle('is_zoomed')", "Zoom", tooltip="Give one pane all the room, or share it again"),
        Binding("w", "window", "Window", tooltip="Show 60, 120 or 300 s of the past"),
        Binding("9", "volume(-1)", "Volume", tooltip="Play more softly"),
        Binding("0", "volume(1)", "Volume", tooltip="Play louder"),
        Binding("left_square_bracket", "stream(-1)", "Stream", key_display="[", tooltip="Show the stream before"),
        Binding("right_square_bracket", "stream(1)", "Stream", key_display="]", tooltip="Show the next stream"),
        Binding("tab", "step_page(1)", "Pane", show=False, tooltip="Go to the next pane"),
        Binding("shift+tab", "step_page(-1)", "Pane", show=False),
        Binding("1", "page(0)", "First pane", show=False),
        Binding("2", "page(1)", "Second pane", show=False),
        Binding("3", "page(2)", "Third pane", show=False),
        Binding("slash", "find", "Find", key_display="/", tooltip="Show events that contain a text"),
        Binding("f", "filter", "Filter", tooltip="Show all events, or warnings and errors, or errors"),
        Binding("c", "copy", "Copy", tooltip="Copy the shown events to the clipboard"),
        Binding("s", "screenshot", "Shot", tooltip="Save a picture of the screen (SVG)"),
        Binding("r", "report", "Report", tooltip="Save the session's figures and events (JSON)"),
        Binding("t", "app.change_theme", "Theme", tooltip="Choose other colours"),
    ]

    view: var[View] = var(View(), always_update=True)
    """All engines as they were last read."""
    window_s: var[int] = var(WINDOWS_S[0])
    """How many seconds the histories cover."""
    page: var[int] = var(0)
    """The page that has the focus: an engine's pane, or after them the events."""
    is_zoomed: var[bool] = var(False)
    """Whether the user has given one page all the room."""
    notice: var[str] = var("")
    """What the console is about to do."""

    def __init__(self, engines: Sequence[EngineHandle], title: str, refresh_hz: float, clock: Clock) -> None:
        super().__init__()
        trim_output(self)
        self._engines = tuple(engines)
        self._purpose = title
        self._offered: dict[str, bool | None] = {}
        self._panes = tuple(StreamPane(engine.index, engine.role) for engine in self._engines)
        self.events = EventsPane()
        """The pane of events."""
        self._pages: tuple[StreamPane | EventsPane, ...] = (*self._panes, self.events)
        self.publisher = Publisher(self._engines, self.post_message, refresh_hz=refresh_hz, clock=clock)
        """Reads the engines while the screen is mounted."""

    def compose(self) -> ComposeResult:
        """Title, panes, event log, keys."""
        names = [*(engine.role.value.capitalize() for engine in self._engines), "Events"]
        bar = TitleBar(self._purpose, names)
        yield bar.data_bind(ConsoleScreen.view, ConsoleScreen.page, ConsoleScreen.notice)
        with Horizontal(id="panes"):
            for pane in self._panes:
                yield pane.data_bind(ConsoleScreen.view, ConsoleScreen.window_s)
        yield self.events
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to read the engines."""
        self._show_page()
        self.publisher.start()

    def on_unmount(self) -> None:
        """Read no more."""
        self.publisher.stop()

    def on_resize(self) -> None:
        """Show one page at a time where there is no room for all."""
        self._show_page()

    def on_published(self, message: Published) -> None:
        """Show a newer view."""
        with self.app.batch_update():
            self.view = message.view
        self._offer_keys()

    def on_events_logged(self, message: EventsLogged) -> None:
        """Log new events."""
        self.events.append(message.events)

    def on_descendant_focus(self, message: DescendantFocus) -> None:
        """Follow the focus to its page."""
        for index, pane in enumerate(self._pages):
            if pane in message.widget.ancestors_with_self:
                self.page = index

    def on_stream_pane_resized(self) -> None:
        """Lay out the panes; side by side, the same figure stands at the same height in both."""
        measured = [pane for pane in self._panes if pane.sizes]
        beside = largest(pane.sizes for pane in measured)
        for pane in measured:
            pane.lay_out(pane.sizes if self.has_class("-single") else beside)

    def watch_page(self) -> None:
        """Show the page, where only one is shown."""
        self._show_page()
        self.refresh_bindings()

    def watch_is_zoomed(self) -> None:
        """Give the room to one page, or to all."""
        self._show_page()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a key where it has an effect: hidden on the wrong kind of pane, dimmed while no stream runs."""
        offers = self._offers()
        return offers[action] if action in offers else super().check_action(action, parameters)

    def action_pause(self) -> None:
        """Pause the pane's stream, or resume it."""
        self._request(lambda engine, stats: engine.set_paused(stats.state is not LinkState.PAUSED))

    def action_mute(self) -> None:
        """Send or play silence, or the sound again."""
        self._request(lambda engine, stats: engine.set_muted(not stats.muted))

    def action_enhance(self) -> None:
        """Send the sound as it is, or enhanced again."""
        self._request(lambda engine, stats: engine.set_enhanced(not stats.enhanced))

    def action_streams(self, step: int) -> None:
        """Use more or fewer streams from the next chunk on."""
        self._request(
            lambda engine, stats: engine.set_num_streams(min(stats.max_streams, max(1, stats.num_streams + step)))
        )

    def action_volume(self, step: int) -> None:
        """Play louder or more softly."""

        def set_volume(engine: Engine, stats: StreamStats) -> None:
            if stats.playback is not None:
                volume = round(stats.playback.volume + step * VOLUME_STEP, 1)
                engine.set_volume(min(MOST_VOLUME, max(0.0, volume)))

        self._request(set_volume)

    def action_stream(self, step: int) -> None:
        """Show another of the receiver's streams."""
        if (pane := self.pane) is not None:
            pane.step_stream(step)

    def action_window(self) -> None:
        """Show a longer stretch of the past, after the longest the shortest."""
        self.window_s = WINDOWS_S[(WINDOWS_S.index(self.window_s) + 1) % len(WINDOWS_S)]

    def action_page(self, page: int) -> None:
        """Go to a page."""
        if page < len(self._pages):
            self.page = page
            pane = self._pages[page]
            (pane.log_widget if isinstance(pane, EventsPane) else pane.query_one(".body")).focus()

    def action_step_page(self, step: int) -> None:
        """Go to the next page."""
        self.action_page((self.page + step) % len(self._pages))

    def action_find(self) -> None:
        """Filter the events by a text."""
        self.action_page(len(self._panes))
        self.events.find()

    def action_filter(self) -> None:
        """Filter the events by severity."""
        self.events.step_severity()

    def action_copy(self) -> None:
        """Copy the shown events."""
        log = self.events.log_widget
        self.app.copy_to_clipboard(log.text)
        self.notify(f"copied {log.shown_count} events", timeout=2)

    def action_screenshot(self) -> None:
        """Save a picture of the screen in the current folder."""
        self.app.deliver_screenshot(file_name("svg"), path=".")

    def action_report(self) -> None:
        """Save the session's report in the current folder."""
        save_report(self.app, self.view, self.events.log_widget.kept)

    @property
    def pane(self) -> StreamPane | None:
        """The pane that keys act on: the focused one, or the first while the events have the focus."""
        if not self._panes:
            return None
        return self._panes[self.page if self.page < len(self._panes) else 0]

    def _request(self, intent: Callable[[Engine, StreamStats], None]) -> None:
        """Ask the pane's engine for something while its stream runs."""
        pane = self.pane
        if pane is None or pane.stats is None or pane.stats.state.is_final:
            return
        handle = self._engines[pane.index]
        if not handle.request(partial(intent, handle.engine, pane.stats)):
            self.notify("the engine is busy: what the key asks for is left out", severity="warning")

    def _show_page(self) -> None:
        is_cramped = self.size.width < LEAST_PANE_CELLS * len(self._panes) or self.size.height < LEAST_LINES
        is_single = self.is_zoomed or is_cramped
        self.set_class(is_single, "-single")
        self.events.styles.height = "1fr" if is_single else max(LEAST_EVENTS_LINES, self.size.height // EVENTS_SHARE)
        self.query_one("#panes").set_class(self.page == len(self._panes), "-off-page")
        for index, pane in enumerate(self._pages):
            pane.set_class(index != self.page, "-off-page")

    def _offers(self) -> dict[str, bool | None]:
        """For each action that depends on the stream: True offers its key, None dims it, False hides it."""
        pane = self.pane if self.is_mounted else None
        stats = pane.stats if pane else None
        is_running = True if stats is not None and not stats.state.is_final else None
        has_several = pane is not None and pane.engine is not None and len(pane.engine.streams) > 1
        return {
            "pause": is_running,
            "mute": is_running,
            "enhance": is_running if stats is not None and stats.enhanced is not None else False,
            "streams": is_running if stats is not None and stats.role is Role.SENDER else False,
            "volume": is_running if stats is not None and stats.playback is not None else False,
            "stream": has_several,
        }

    def _offer_keys(self) -> None:
        offers = self._offers()
        if offers != self._offered:
            self._offered = offers
            self.refresh_bindings()
