"""The pane of one engine: everything about the stream that is chosen in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from esc_tui.console.drawing.player import player_lines
from esc_tui.console.drawing.sections import (
    Page,
    bitrate_lines,
    chunk_lines,
    codec_lines,
    counter_names,
    latency_lines,
    link_lines,
    queue_lines,
)
from esc_tui.console.drawing.sound import sound_lines
from esc_tui.console.drawing.styles import PLAIN
from esc_tui.console.drawing.summary import summary_lines
from esc_tui.console.panes.arrangement import LEAST_PICTURE_LINES, WIDE_CELLS, Need, arrange
from esc_tui.console.view import EngineView, View
from esc_tui.console.widgets.pane_title import PaneTitle
from esc_tui.console.widgets.section import Drawing, Section
from esc_tui.console.widgets.spectrogram import Spectrogram
from esc_tui.console.widgets.stream_list import StreamList
from net.settings import DEFAULT_PORT
from net.telemetry.stats import Role, StreamStats

LEFT: tuple[Drawing, ...] = (link_lines, summary_lines, bitrate_lines, latency_lines, codec_lines)
RIGHT: tuple[Drawing, ...] = (queue_lines, chunk_lines, sound_lines, player_lines)
"""The picture of the sound stands between the last two."""
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

    @dataclass
    class Reshaped(Message):
        """The pane has other room, or other needs."""

    def __init__(self, index: int, role: Role) -> None:
        super().__init__(id=f"pane-{index}", classes=f"-{role.value}")
        self.index = index
        self.role = role
        self.needs: tuple[Need, ...] = ()
        """What each section takes; empty while there is no stream."""
        self._stream_id = ""
        self._shape: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, list of streams, the empty state, and the sections in two columns."""
        yield PaneTitle(self.role).data_bind(StreamPane.engine, StreamPane.stats)
        yield StreamList().data_bind(StreamPane.engine, StreamPane.stats)
        yield Static(classes="empty")
        with VerticalScroll(classes="body"), Container(classes="columns"):
            with Vertical(classes="column"):
                yield from self._sections(LEFT)
            with Vertical(classes="column"):
                yield from self._sections(RIGHT[:-1])
                yield Spectrogram().data_bind(StreamPane.stats)
                yield from self._sections(RIGHT[-1:])

    def watch_view(self, view: View) -> None:
        """Pick this pane's engine and stream."""
        if self.index >= len(view.engines):
            return
        self.engine = engine = view.engines[self.index]
        self.stats = engine.stream(self._stream_id)
        self._show_emptiness(engine)
        self._measure()

    def on_resize(self) -> None:
        """Use the new room."""
        self._measure()

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
            section = Section(drawing, classes="sound" if drawing is sound_lines else None)
            yield section.data_bind(StreamPane.stats, StreamPane.window_s, StreamPane.chart_rows)

    def _show_emptiness(self, engine: EngineView) -> None:
        self.set_class(not engine.streams, "-empty")
        if engine.streams:
            return
        if engine.error:
            text = Content.from_markup("[b $text-error]✗ failed[/]\n\n$reason", reason=engine.error)
        else:
            advice = _waiting_for(engine, self.view)
            text = Content.from_markup("[b]$title[/b]\n\n$advice", title=engine.title, advice=advice)
        self.query_one(".empty", Static).update(text)

    def lay_out(self, beside: Sequence[Need]) -> None:
        """Use the room; level with a pane beside, whose sections and these need `beside`, where all of that fits."""
        body, stats = self.query_one(".body").size, self.stats
        if stats is None or not self.needs:
            return
        needs = self._levelled(beside, body.height)
        left, right = needs[: len(LEFT)], needs[len(LEFT) :]
        arrangement = arrange(body.width, body.height, left, right, has_picture=not stats.state.is_final)
        with self.app.batch_update():
            self.chart_rows = arrangement.chart_rows
            self.set_class(arrangement.gap_rows > 0, "-roomy")
            self.set_class(arrangement.has_two_columns, "-wide")
            for section, need in zip(self.query(Section), needs, strict=True):
                section.styles.min_height = need.height(arrangement.chart_rows)
            picture = self.query_one(Spectrogram)
            picture.display = not stats.state.is_final
            picture.styles.height = arrangement.picture_rows

    def _levelled(self, beside: Sequence[Need], height: int) -> Sequence[Need]:
        """`beside`, or what this pane needs where that does not fit, or is of other sections than the player."""
        has_same_sections = all(
            bool(need.lines) == bool(own.lines) for need, own in zip(beside[:-1], self.needs[:-1], strict=True)
        )
        fits = sum(need.lines for need in beside) + LEAST_PICTURE_LINES <= height
        return beside if has_same_sections and fits else self.needs

    def _measure(self) -> None:
        """Tell where the room, or what is to be drawn on it, is not as it was."""
        body, stats = self.query_one(".body").size, self.stats
        if stats is None or not body.width:
            return
        latencies = tuple(bool(latency.count) for latency in stats.latencies)
        digits = max(len(str(count)) for _, count, _ in counter_names(stats.chunks))
        shape = (body, digits, latencies, len(stats.queues), len(stats.files), stats.reason, stats.model,
                 stats.stitching, stats.playback is None, stats.state.is_final, stats.has_steps)  # fmt: skip
        if shape == self._shape:
            return
        self._shape = shape
        width = body.width if body.width < WIDE_CELLS else (body.width - COLUMN_GAP_CELLS) // 2
        self.needs = tuple(_need(drawing, stats, width) for drawing in (*LEFT, *RIGHT))
        self.post_message(self.Reshaped())


def _waiting_for(receiver: EngineView, view: View) -> str:
    """What brings `receiver` its first stream."""
    senders = [engine for engine in view.engines if engine.role is Role.SENDER]
    if not senders:
        port = receiver.title.rpartition(":")[2]
        option = f" --port {port}" if port != f"{DEFAULT_PORT}" else ""
        return f"waiting for a sender: esc-tui sender --input FILE{option}"
    page = senders[0].index + 1
    return (
        f"no stream came: see the sender, pane {page}" if senders[0].ended else f"waiting for the sender, pane {page}"
    )


def _need(drawing: Drawing, stats: StreamStats, width: int) -> Need:
    low, high = (len(drawing(stats, Page(width, PLAIN, chart_rows=rows))) for rows in (1, 2))
    return Need(low, high - low)
