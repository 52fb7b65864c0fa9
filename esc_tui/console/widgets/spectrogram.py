"""The spectrogram of a stream, of which only the cells at the cursor are drawn anew."""

from collections.abc import Sequence

from textual.reactive import var

from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.spectrogram_image import AXIS_CELLS, ColorMap, SoundHistory, axis_labels
from esc_tui.console.widgets.canvas import Canvas
from net.telemetry.stats import StreamStats

FEW_COLORS = ("standard", "windows")
TALL_LINES = 8


class Spectrogram(Canvas):
    """Shows the sound of `stats` as it passes."""

    DEFAULT_CSS = """
    Spectrogram { height: 5; }
    """

    stats: var[StreamStats | None] = var(None, always_update=True)
    """The stream to show."""

    def __init__(self) -> None:
        super().__init__()
        self._history = SoundHistory()
        self._stream_id = ""
        self._drawn_count = 0

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The image, two pixel rows a line, with its axis at the left."""
        if self.stats is None or not height:
            return []
        cells, colors = max(1, width - AXIS_CELLS), self._colors()
        image = self._history.image(cells, height)
        lines = [Line(colors.segments(image[y], image[y + 1])) for y in range(0, len(image), 2)]
        sweep_s = cells * self._history.columns_a_cell(cells) * self._history.column_ms / 1000
        labels = axis_labels(height, self.stats.sample_rate, sweep_s)
        return [
            Line().left(label, AXIS_CELLS, self.palette.muted).extend(line)
            for label, line in zip(labels, lines, strict=True)
        ]

    def watch_stats(self, stats: StreamStats | None) -> None:
        """Append the new columns, and draw once they fill a cell."""
        if stats is None:
            return
        if stats.stream_id != self._stream_id:
            self._history, self._stream_id = SoundHistory(), stats.stream_id
        self._history.push(stats.sound)
        # A tall image costs many bytes a column: it advances two cells at a time.
        step = self._history.columns_a_cell(self.size.width - AXIS_CELLS) * (2 if self.size.height > TALL_LINES else 1)
        if not 0 <= self._history.count - self._drawn_count < step:
            self._drawn_count = self._history.count
            self.refresh()

    def _colors(self) -> ColorMap:
        """The colour map for the theme and the terminal."""
        return ColorMap.for_theme(
            self.background_colors[1],
            dark=self.app.current_theme.dark,
            is_shaded=self.app.console.color_system in FEW_COLORS or self.app.no_color,
            shade=self.palette.latency,
            cursor=self.palette.faint,
        )
