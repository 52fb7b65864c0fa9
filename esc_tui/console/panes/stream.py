"""The pane of one engine: everything about the stream that is chosen in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from esc_tui.console.drawing.layout import LEAST_SPECTROGRAM_LINES, SectionSize, column_cells, lay_out
from esc_tui.console.drawing.sections.bitrate import bitrate_lines
from esc_tui.console.drawing.sections.chunks import chunk_lines
from esc_tui.console.drawing.sections.durations import codec_lines, latency_lines
from esc_tui.console.drawing.sections.link import link_lines
from esc_tui.console.drawing.sections.player import player_lines
from esc_tui.console.drawing.sections.queues import queue_lines
from esc_tui.console.drawing.sections.sound import sound_lines
from esc_tui.console.drawing.sections.summary import summary_lines
from esc_tui.console.view import EngineView, View
from esc_tui.console.widgets.pane_title import PaneTitle
from esc_tui.console.widgets.spectrogram import Spectrogram
from esc_tui.console.widgets.stream_list import StreamList
from esc_tui.console.widgets.stream_section import Drawing, StreamSection
from net.settings import DEFAULT_PORT
from net.telemetry.stats import Role, StreamStats

LEFT: tuple[Drawing, ...] = (link_lines, summary_lines, bitrate_lines, latency_lines, codec_lines)
RIGHT: tuple[Drawing, ...] = (queue_lines, chunk_lines, sound_lines, player_lines)
"""The spectrogram stands below `sound_lines`."""


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
    class Resized(Message):
        """The pane has other room, or its sections take other room."""

    def __init__(self, index: int, role: Role) -> None:
        super().__init__(id=f"pane-{index}", classes=f"-{role.value}")
        self.index = index
        self.role = role
        self.sizes: tuple[SectionSize, ...] = ()
        """What each section takes; empty while there is no stream."""
        self._stream_id = ""
        self._measured: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, list of streams, the empty state, and the sections in two columns."""
        yield PaneTitle(self.role).data_bind(StreamPane.engine, StreamPane.stats)
        yield StreamList().data_bind(StreamPane.engine, StreamPane.stats)
        yield Static(classes="empty")
        with VerticalScroll(classes="body"), Container(classes="columns"):
            with Vertical(classes="column"):
                yield from self._compose_sections(LEFT)
            with Vertical(classes="column"):
                yield from self._compose_sections(RIGHT)

    def _compose_sections(self, drawings: Sequence[Drawing]) -> Iterator[StreamSection | Spectrogram]:
        for drawing in drawings:
            yield StreamSection(drawing).data_bind(StreamPane.stats, StreamPane.window_s, StreamPane.chart_rows)
            if drawing is sound_lines:
                yield Spectrogram().data_bind(StreamPane.stats)

    def watch_view(self, view: View) -> None:
        """Show this pane's engine and stream."""
        if self.index >= len(view.engines):
            return
        self.engine = engine = view.engines[self.index]
        self.stats = engine.stream(self._stream_id)
        self.set_class(not engine.streams, "-empty")
        if not engine.streams:
            self.query_one(".empty", Static).update(_empty_text(engine, view))
        self._measure()

    def on_resize(self) -> None:
        """Use the new room."""
        self._measure()

    def on_stream_list_chosen(self, message: StreamList.Chosen) -> None:
        """Show another stream."""
        message.stop()
        self._show_stream(message.stream_id)

    def step_stream(self, step: int) -> None:
        """Show the stream `step` places further in the list, round and round."""
        if self.engine is not None and self.stats is not None:
            ids = [stream.stream_id for stream in self.engine.streams]
            self._show_stream(ids[(ids.index(self.stats.stream_id) + step) % len(ids)])

    def _show_stream(self, stream_id: str) -> None:
        self._stream_id = stream_id
        self.watch_view(self.view)

    def _measure(self) -> None:
        """Measure the sections, and ask for a layout, where the room or a section's number of lines has changed."""
        body = self.query_one(".body").size
        if self.stats is None or not body.width:
            return
        width, sections = column_cells(body.width), self.query(StreamSection)
        measured = (body, self.stats.state.is_final, *(section.line_count(width) for section in sections))
        if measured != self._measured:
            self._measured = measured
            self.sizes = tuple(section.measure(width) for section in sections)
            self.post_message(self.Resized())

    def lay_out(self, beside: Sequence[SectionSize]) -> None:
        """Use the room; level with a pane beside, where sections that hold both panes' (`beside`) fit."""
        body, stats = self.query_one(".body").size, self.stats
        if stats is None or not self.sizes:
            return
        sizes = beside if self._fits_level(beside, body.height) else self.sizes
        left, right = sizes[: len(LEFT)], sizes[len(LEFT) :]
        layout = lay_out(body.width, body.height, left, right, has_spectrogram=not stats.state.is_final)
        with self.app.batch_update():
            self.chart_rows = layout.chart_rows
            self.set_class(layout.gap_rows > 0, "-roomy")
            self.set_class(layout.has_two_columns, "-wide")
            for section, size, own in zip(self.query(StreamSection), sizes, self.sizes, strict=True):
                section.display = own.lines > 0
                section.styles.min_height = size.height(layout.chart_rows)
            spectrogram = self.query_one(Spectrogram)
            spectrogram.display = not stats.state.is_final
            spectrogram.styles.height = layout.spectrogram_rows

    def _fits_level(self, beside: Sequence[SectionSize], height: int) -> bool:
        """Whether both panes show the same sections, but for the player, and there is room for the larger ones."""
        pairs = zip(beside[:-1], self.sizes[:-1], strict=True)
        is_same = all(bool(size.lines) == bool(own.lines) for size, own in pairs)
        return is_same and sum(size.lines for size in beside) + LEAST_SPECTROGRAM_LINES <= height


def _empty_text(engine: EngineView, view: View) -> Content:
    """What a pane without streams shows: the error that ended its engine, or what brings it a stream."""
    if engine.error:
        return Content.from_markup("[b $text-error]✗ failed[/]\n\n$reason", reason=engine.error)
    advice = _waiting_for(engine, view)
    return Content.from_markup("[b]$title[/b]\n\n$advice", title=engine.title, advice=advice)


def _waiting_for(receiver: EngineView, view: View) -> str:
    sender = next((engine for engine in view.engines if engine.role is Role.SENDER), None)
    if sender is None:
        port = receiver.title.rpartition(":")[2]
        option = f" --port {port}" if port != f"{DEFAULT_PORT}" else ""
        return f"waiting for a sender: esc-tui sender --input FILE{option}"
    page = sender.index + 1
    return f"no stream came: see the sender, pane {page}" if sender.ended else f"waiting for the sender, pane {page}"
