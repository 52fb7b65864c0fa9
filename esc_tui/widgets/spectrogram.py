"""The spectrogram: one picture of the sound, cut into tiles of which only those at the cursor are drawn again."""

from collections.abc import Sequence

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import var

from esc_tui.drawing.line import Line
from esc_tui.drawing.spectrogram import ColorMap, Picture, SoundHistory
from esc_tui.widgets.canvas import Canvas
from net.stats import StreamStats

TILES = 12
FEW_COLORS = ("standard", "windows", None)


class Tile(Canvas):
    """A stretch of the picture. The terminal gets all cells of a line left of a change: short lines keep that small."""

    DEFAULT_CSS = """
    Tile { width: 1fr; height: 100%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture = np.zeros((0, 0), np.uint8)
        self._map: ColorMap | None = None

    def show(self, picture: Picture, color_map: ColorMap) -> None:
        """Show this part of the picture, if it is new."""
        if color_map is self._map and np.array_equal(picture, self._picture):
            return
        self._picture, self._map = picture, color_map
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - the picture has its size
        """Two pixel rows a line."""
        if self._map is None:
            return []
        rows = self._picture
        return [Line(self._map.segments(rows[y], rows[y + 1])) for y in range(0, len(rows) - 1, 2)]


class Spectrogram(Horizontal):
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
        self._color_map: ColorMap | None = None

    def compose(self) -> ComposeResult:
        """The tiles."""
        for _ in range(TILES):
            yield Tile()

    def watch_stats(self, stats: StreamStats | None) -> None:
        """Take the new columns and draw them."""
        if stats is None:
            return
        if stats.stream_id != self._stream_id:
            self._history, self._stream_id = SoundHistory(), stats.stream_id
        self._history.push(stats.sound)
        self.redraw()

    def on_resize(self) -> None:
        """Draw at the new size, once the tiles have theirs."""
        self.call_after_refresh(self.redraw)

    def notify_style_update(self) -> None:
        """Take the new theme's colours."""
        super().notify_style_update()
        self._color_map = None

    def redraw(self) -> None:
        """Give each tile its part of the picture."""
        width, height = self.size
        if not width or not height:
            return
        picture, start = self._history.picture(width, height), 0
        for tile in self.query(Tile):
            end = start + tile.size.width
            tile.show(picture[:, start:end], self.color_map)
            start = end

    @property
    def color_map(self) -> ColorMap:
        """The colour map for the theme and the terminal."""
        if self._color_map is None:
            tile = self.query(Tile).first()
            few = self.app.console.color_system in FEW_COLORS or self.app.no_color
            self._color_map = ColorMap.for_theme(
                tile.background_colors[1],
                dark=self.app.current_theme.dark,
                is_shaded=few,
                ink=tile.ink.latency,
                cursor=tile.ink.faint,
            )
        return self._color_map
