"""The level meter: how loud the sound is, its recent peak, and whether it was clipped."""

import math

from esc_tui.console.drawing.gauge import Zone, zoned_gauge
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import fixed
from esc_tui.console.drawing.sections import Page
from esc_tui.console.drawing.styles import Ink
from net.telemetry.stats import SoundStats, StreamStats

FLOOR_DBFS = -60.0
LOUD_DBFS, HOT_DBFS = -12.0, -3.0


def meter_share(level_dbfs: float) -> float:
    """Where a level stands on the meter, which runs from −60 to 0 dBFS."""
    if math.isinf(level_dbfs) or math.isnan(level_dbfs):
        return 0.0
    return min(1.0, max(0.0, 1.0 - level_dbfs / FLOOR_DBFS))


def sound_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The heading of the sound's picture, with the level meter; nothing once the stream has ended."""
    if stats.state.is_final:
        return []
    return [level_line(stats.sound, page.width, page.grid.label_cells, page.ink)]


def level_line(sound: SoundStats, width: int, label_cells: int, ink: Ink) -> Line:
    """The section's first line: a meter from −60 to 0 dBFS with peak hold, level and peak in figures, clipping."""
    line = Line().add("SOUND", ink.heading).add(" dBFS", ink.muted).to(label_cells)
    figures = Line().right(fixed(sound.level_dbfs, 0), 5, ink.strong)
    figures.add("  peak", ink.muted).right(fixed(sound.peak_dbfs, 0), 4, ink.value)
    if sound.speech is not None:
        figures.left("  speech" if sound.speech else "  quiet", 8, ink.value if sound.speech else ink.muted)
    if sound.clipped_samples:
        figures.add("  CLIP ", ink.bad).add(str(sound.clipped_samples), ink.bad)
    zones = (
        Zone(meter_share(LOUD_DBFS), ink.good),
        Zone(meter_share(HOT_DBFS), ink.warn),
        Zone(1.0, ink.bad),
    )
    cells = max(0, width - line.cells - figures.cells)
    peak = meter_share(sound.peak_dbfs)
    line.extend(zoned_gauge(meter_share(sound.level_dbfs), cells, zones, ink, peak if peak > 0 else None))
    return line.extend(figures)
