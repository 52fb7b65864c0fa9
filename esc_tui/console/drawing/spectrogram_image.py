"""The spectrogram as an image: half blocks, two bands a cell, on a sweep like a heart monitor's.

New sound is drawn at a cursor that runs from left to right and begins again at the left, over the oldest. Nothing else
moves, so only the cells at the cursor are sent to the terminal; and since the place of a column follows from its
number alone, sender and receiver show the same sound at the same place.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as ThemeColor
from textual.color import Gradient

from net.telemetry.sound import pitch_share
from net.telemetry.stats import SoundStats

LEVELS = 16
HALF_BLOCK = "▀"
SHADES = " ░▒▓█"
KEPT_COLUMNS = 1024
SWEEP_S = 6.0
AXIS_CELLS = 6
TICKS_KHZ = (4, 2, 1)
CURSOR = 255
"""In an image: the cells at the cursor, between the newest and the oldest sound."""

Image = npt.NDArray[np.uint8]
"""Levels 0 to 15, or `CURSOR`, uint8 `[pixel row, cell]`, highest band first, two pixel rows a line."""

_DARK_MAP = ("#1d1147", "#51127c", "#832681", "#b73779", "#e75263", "#fc8961", "#fec488", "#fcfdbf")
_LIGHT_MAP = ("#d9c8e8", "#c9a0dc", "#c274c4", "#b04a9d", "#8f2f86", "#6a1f72", "#45155a", "#1f0a38")


class SoundHistory:
    """The last columns of one stream's spectrogram, numbered from the stream's start."""

    def __init__(self) -> None:
        self._columns = np.zeros((KEPT_COLUMNS, 1), np.uint8)
        self.count = 0
        """Number of columns since the stream began."""
        self.column_ms = 40.0
        """Duration of a column."""

    def push(self, sound: SoundStats) -> None:
        """Append the columns that are new in `sound`; a stream that began again empties the history."""
        bands = sound.columns.shape[1]
        if sound.column_count < self.count or bands != self._columns.shape[1]:
            self._columns, self.count = np.zeros((KEPT_COLUMNS, bands), np.uint8), 0
        self.column_ms = sound.column_ms
        missing = sound.column_count - self.count
        known = min(missing, len(sound.columns), KEPT_COLUMNS)
        unknown = min(missing - known, KEPT_COLUMNS)
        places = np.arange(sound.column_count - known - unknown, sound.column_count) % KEPT_COLUMNS
        self._columns[places[:unknown]] = 0
        self._columns[places[unknown:]] = sound.columns[len(sound.columns) - known :]
        self.count = sound.column_count

    def columns_a_cell(self, cells: int) -> int:
        """How many columns a cell of a sweep of `cells` covers, so that it takes about 6 s or longer."""
        return max(1, min(KEPT_COLUMNS // max(1, cells), round(SWEEP_S * 1000 / self.column_ms / max(1, cells))))

    def image(self, cells: int, lines: int) -> Image:
        """The newest sound as a sweep of `cells` × `lines`, with the cursor after the newest cell."""
        columns_a_cell = self.columns_a_cell(cells)
        newest = (self.count - 1) // columns_a_cell
        places = np.arange((newest - cells + 1) * columns_a_cell, (newest + 1) * columns_a_cell)
        columns = self._columns[places % KEPT_COLUMNS] * ((places >= 0) & (places < self.count))[:, None]
        pooled = columns.reshape(cells, columns_a_cell, -1).max(axis=1)
        levels = (_pool_bands(pooled, 2 * lines).astype(np.uint16) * LEVELS >> 8).astype(np.uint8)
        swept = np.roll(levels, (newest + 1) % cells, axis=0)
        if self.count:
            swept[(newest + 1) % cells] = CURSOR
        return np.ascontiguousarray(swept.T[::-1])


def axis_labels(lines: int, sample_rate: int, sweep_s: float) -> list[str]:
    """What stands left of an image of `lines` lines: frequencies, at the foot the sweep's duration."""
    labels = [""] * lines
    for tick_khz in TICKS_KHZ:
        line = lines - 1 - int(pitch_share(tick_khz * 1000, sample_rate) * lines)
        if 0 < line < lines - 1 and not labels[line]:
            labels[line] = f"{tick_khz}"
    labels[0] = f"{sample_rate / 2000:g} kHz"
    labels[-1] = f"→{sweep_s:.0f} s"
    return labels


def _pool_bands(columns: Image, pixels: int) -> Image:
    bands = columns.shape[1]
    if pixels >= bands:
        return columns[:, np.arange(pixels) * bands // pixels]
    starts = np.arange(pixels) * bands // pixels
    return np.maximum.reduceat(columns, starts, axis=1)


@dataclass(frozen=True, slots=True)
class ColorMap:
    """The one colour map of all spectrograms: the background for silence, then 15 colours by loudness."""

    colors: tuple[Color, ...]
    is_shaded: bool
    """Draw by shades instead, on terminals with few colours."""
    shade: Style
    cursor: Style

    @classmethod
    @lru_cache(maxsize=8)
    def for_theme(
        cls, background: ThemeColor, *, dark: bool, is_shaded: bool, shade: Style, cursor: Style
    ) -> "ColorMap":
        """The map that stands out from `background`."""
        gradient = Gradient.from_colors(background, *(_DARK_MAP if dark else _LIGHT_MAP), quality=LEVELS)
        return cls(tuple(color.rich_color for color in gradient.colors), is_shaded, shade, cursor)

    def segments(self, upper: npt.NDArray[np.uint8], lower: npt.NDArray[np.uint8]) -> list[Segment]:
        """One line of cells from the levels of its two pixel rows."""
        pairs = groupby(zip(upper.tolist(), lower.tolist(), strict=True))
        return [Segment(self._character(pair) * len(list(run)), self._style(pair)) for pair, run in pairs]

    def _character(self, pair: tuple[int, int]) -> str:
        if CURSOR in pair:
            return "│"
        if self.is_shaded:
            return SHADES[max(pair) * len(SHADES) // LEVELS]
        return " " if pair[0] == pair[1] else HALF_BLOCK

    def _style(self, pair: tuple[int, int]) -> Style:
        if CURSOR in pair:
            return self.cursor
        if self.is_shaded:
            return self.shade
        return _pair_style(self.colors[pair[0]], self.colors[pair[1]])


@lru_cache(maxsize=LEVELS**2 * 4)
def _pair_style(upper: Color, lower: Color) -> Style:
    return Style(color=upper, bgcolor=lower)
