"""The pane of one engine: everything about the stream that is chosen in it."""

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from esc_tui.drawing.ink import PLAIN
from esc_tui.drawing.player import player_lines
from esc_tui.drawing.sections import (
    Page,
    bitrate_lines,
    chunk_lines,
    codec_lines,
    latency_lines,
    link_lines,
    queue_lines,
)
from esc_tui.drawing.sound import sound_lines
from esc_tui.drawing.summary import summary_lines
from esc_tui.panes.arrangement import WIDE_CELLS, Arrangement, Needs, arrange
from esc_tui.view import EngineView, View
from esc_tui.widgets.pane_title import PaneTitle
from esc_tui.widgets.section import Drawing, Section
from esc_tui.widgets.spectrogram import Spectrogram
from esc_tui.widgets.stream_list import StreamList
from net.stats import Role, StreamStats

LEFT: tuple[Drawing, ...] = (link_lines, summary_lines, bitrate_lines, latency_lines, codec_lines)
RIGHT: tuple[Drawing, ...] = (queue_lines, chunk_lines, player_lines, sound_lines)
COLUMN_GAP_CELLS = 2


class StreamPane(Vertical):
    """Shows engine number `index` of the view."""

    view: var[View] = var(View(), always_update=True)
    """All engines, from the screen."""
    window_s: var[int] = var(60)
    """How many seconds the histories cover."""
    engine: var[EngineView | None] = var(None, always_update=True)
    """This pane's engine."""
    stats: var[StreamStats | None] = var(None, always_update=True)
    """The stream that is shown."""
    chart_rows: var[int] = var(1)
    """How many lines a history is high."""

    def __init__(self, index: int, role: Role) -> None:
        super().__init__(id=f"pane-{index}", classes=f"-{role.value}")
        self.index = index
        self.role = role
        self._stream_id = ""
        self._arranged: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, list of streams, the empty state, and the sections in two columns."""
        yield PaneTitle(self.role).data_bind(StreamPane.engine, StreamPane.stats)
        yield StreamList().data_bind(StreamPane.engine, StreamPane.stats)
        yield Static(classes="empty")
        with VerticalScroll(classes="body"), Container(classes="columns"):
            with Vertical(classes="column"):
                yield from self._sections(LEFT)
            with Vertical(classes="column"):
                yield from self._sections(RIGHT)
                yield Spectrogram().data_bind(StreamPane.stats)

    def watch_view(self, view: View) -> None:
        """Pick this pane's engine and stream."""
        if self.index >= len(view.engines):
            return
        self.engine = engine = view.engines[self.index]
        self.stats = engine.stream(self._stream_id)
        self._show_emptiness(engine)
        self._arrange()

    def on_resize(self) -> None:
        """Use the new room."""
        self._arrange()

    def on_stream_list_chosen(self, message: StreamList.Chosen) -> None:
        """Show another stream."""
        message.stop()
        self._stream_id = message.stream_id
        self.watch_view(self.view)

    def step_stream(self, step: int) -> None:
        """Show the stream `step` places further in the list, round and round."""
        if self.engine is None or self.stats is None:
            return
        ids = [stream.stream_id for stream in self.engine.streams]
        self._stream_id = ids[(ids.index(self.stats.stream_id) + step) % len(ids)]
        self.watch_view(self.view)

    def _sections(self, drawings: tuple[Drawing, ...]) -> ComposeResult:
        for drawing in drawings:
            yield Section(drawing).data_bind(StreamPane.stats, StreamPane.window_s, StreamPane.chart_rows)

    def _show_emptiness(self, engine: EngineView) -> None:
        self.set_class(not engine.streams, "-empty")
        if engine.streams:
            return
        if engine.error:
            text = Content.from_markup("[b $text-error]✗ failed[/]\n\n$reason", reason=engine.error)
        else:
            text = Content.from_markup("[b]$title[/b]\n\n$advice", title=engine.title, advice=_waiting_for(self.view))
        self.query_one(".empty", Static).update(text)

    def _arrange(self) -> None:
        body = self.query_one(".body").size
        stats = self.stats
        if stats is None or not body.width:
            return
        structure = (body, self.role, len(stats.queues), len(stats.latencies), len(stats.files), bool(stats.reason),
                     stats.playback is None, stats.state.is_final, stats.has_steps)  # fmt: skip
        if structure == self._arranged:
            return
        self._arranged = structure
        width = body.width if body.width < WIDE_CELLS else (body.width - COLUMN_GAP_CELLS) // 2
        page = Page(width, PLAIN)
        left, right = _needs(LEFT, stats, page), _needs(RIGHT, stats, page)
        self._apply(arrange(body.width, body.height, left, right, has_picture=not stats.state.is_final))

    def _apply(self, arrangement: Arrangement) -> None:
        with self.app.batch_update():
            self.chart_rows = arrangement.chart_rows
            self.set_class(arrangement.gap_rows > 0, "-roomy")
            self.set_class(arrangement.has_two_columns, "-wide")
            picture = self.query_one(Spectrogram)
            picture.display = self.stats is not None and not self.stats.state.is_final
            picture.styles.height = arrangement.picture_rows


def _waiting_for(view: View) -> str:
    """What brings a receiver its first stream."""
    senders = [engine for engine in view.engines if engine.role is Role.SENDER]
    if not senders:
        return "waiting for a sender: esc-tui sender --input FILE"
    page = senders[0].index + 1
    return (
        f"no stream came: see the sender, pane {page}" if senders[0].ended else f"waiting for the sender, pane {page}"
    )


def _needs(drawings: tuple[Drawing, ...], stats: StreamStats, page: Page) -> Needs:
    drawn = [lines for lines in (drawing(stats, page) for drawing in drawings) if lines]
    charted: dict[Drawing, int] = {
        bitrate_lines: 2,
        latency_lines: len(stats.latencies),
        codec_lines: 1,
        player_lines: 1,
    }
    charts = sum(charted.get(drawing, 0) for drawing in drawings if drawing(stats, page))
    return Needs(sum(map(len, drawn)), charts, len(drawn))
