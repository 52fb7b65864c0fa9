"""The streams of a receiver, to choose one from.

Not a `DataTable`: its columns neither share what room is left nor come and go with the width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.reactive import reactive, var

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.stream_rows import stream_rows
from esc_tui.console.view import EngineView
from esc_tui.console.widgets.canvas import Canvas
from net.telemetry.stats import StreamStats


class StreamList(Canvas):
    """Shows the streams of `engine` while there are several; a click chooses one."""

    engine: var[EngineView | None] = var(None, always_update=True)
    """The pane's engine."""
    stats: reactive[StreamStats | None] = reactive(None, always_update=True)
    """The stream that is shown; set after `engine`."""

    @dataclass
    class Chosen(Message):
        """A stream was chosen."""

        stream_id: str

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - the height follows from the lines
        """A heading and a line a stream; nothing for a single stream."""
        streams = self._streams
        return stream_rows(streams, self._chosen, width, self.palette) if len(streams) > 1 else []

    def watch_stats(self) -> None:
        """Hide the list of a single stream."""
        self.display = len(self._streams) > 1

    def action_choose(self, index: int) -> None:
        """Choose a stream by its place in the list."""
        if index < len(self._streams):
            self.post_message(self.Chosen(self._streams[index].stream_id))

    @property
    def _streams(self) -> tuple[StreamStats, ...]:
        return self.engine.streams if self.engine else ()

    @property
    def _chosen(self) -> int:
        ids = [stream.stream_id for stream in self._streams]
        return ids.index(self.stats.stream_id) if self.stats and self.stats.stream_id in ids else 0
