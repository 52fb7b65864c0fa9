"""The level meter, which is the heading of the sound's spectrogram."""

import math

from esc_tui.console.drawing.gauge import zoned_gauge
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import fixed
from esc_tui.console.drawing.page import LABEL_CELLS, Page
from net.telemetry.stats import StreamStats

FLOOR_DBFS = -60.0
LOUD_DBFS, HOT_DBFS = -12.0, -3.0
INPUT_CELLS = 7


def sound_lines(stats: StreamStats, page: Page) -> list[Line]:
    """A meter from −60 to 0 dBFS with peak hold, level and peak in figures, clipping; nothing once the stream ended."""
    if stats.state.is_final:
        return []
    sound, palette = stats.sound, page.palette
    line = Line().add("SOUND", palette.heading).add(" dBFS", palette.muted).to(LABEL_CELLS)
    figures = _input_figures(stats, page).right(fixed(sound.level_dbfs, 0), 5, palette.strong)
    figures.add("  peak", palette.muted).right(fixed(sound.peak_dbfs, 0), 4, palette.value)
    if sound.speech is not None:
        figures.left("  speech" if sound.speech else "  quiet", 8, palette.value if sound.speech else palette.muted)
    if sound.clipped_samples:
        figures.add(f"  CLIP {sound.clipped_samples}", palette.bad)
    zones = ((_meter_share(LOUD_DBFS), palette.good), (_meter_share(HOT_DBFS), palette.warn), (1.0, palette.bad))
    cells = max(0, page.width - line.cells - figures.cells)
    peak = _meter_share(sound.peak_dbfs) or None
    return [line.extend(zoned_gauge(_meter_share(sound.level_dbfs), cells, zones, palette, peak)).extend(figures)]


def _input_figures(stats: StreamStats, page: Page) -> Line:
    """The level before enhancement, or that it is bypassed; nothing where sound is not enhanced."""
    line, palette = Line(), page.palette
    if stats.enhanced is None or stats.sound.input_dbfs is None:
        return line
    if not stats.enhanced:
        return line.right("as is", INPUT_CELLS, palette.warn)
    return line.right(fixed(stats.sound.input_dbfs, 0), INPUT_CELLS - 2, palette.value).add(" →", palette.muted)


def _meter_share(level_dbfs: float) -> float:
    if not math.isfinite(level_dbfs):
        return 0.0
    return min(1.0, max(0.0, 1.0 - level_dbfs / FLOOR_DBFS))
