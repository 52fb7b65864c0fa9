"""The player's section: its buffer, its device, and what listeners missed."""

from esc_tui.console.drawing.chart import scale_top
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import fixed, milliseconds
from esc_tui.console.drawing.page import LABEL_CELLS, Chart, Page
from net.telemetry.stats import PlaybackStats, StreamStats

GAP_CELLS = 2
MOST_GAP_CELLS = 8
LEAST_MISSED_MS = 50.0
"""What is shown as 0.1 s or more."""


def player_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The receiver's player; nothing where nobody listens."""
    player, palette = stats.playback, page.palette
    if player is None or stats.state.is_final:
        return []
    top = scale_top(max((*player.buffer_history_ms[-page.window_s :], player.target_ms), default=1.0))
    lines = [page.heading("PLAYER", "ms", ("now", "target", "ppm"), page.scale(top))]
    drift = fixed(player.drift_ppm, 1, plus=True)
    numbers = (milliseconds(player.buffer_ms), milliseconds(player.target_ms), drift)
    chart = Chart(player.buffer_history_ms, top, palette.latency, palette.latency_fill, int(stats.epoch_s))
    lines += page.row("buffer", numbers, chart)
    return [*lines, _device_line(player, page), _missed_line(player, page)]


def _device_line(player: PlaybackStats, page: Page) -> Line:
    palette, volume = page.palette, f"{player.volume * 100:.0f} %"
    words, style = f"volume {volume}", palette.value
    if not player.connected:
        words, style = "lost, trying again", palette.warn
    elif player.muted:
        words, style = f"muted at {volume}", palette.warn
    room = max(0, page.width - LABEL_CELLS - len(words) - GAP_CELLS)
    line = page.label("device").left(player.device, min(len(player.device), room), palette.value)
    return line.space(GAP_CELLS).add(words, style)


def _missed_line(player: PlaybackStats, page: Page) -> Line:
    """What came too late, what stood for it, what was left out to catch up, how often the device itself ran dry."""
    figures = (
        ("underruns", f"{player.underruns}", player.underruns, 14),
        ("filled", _seconds(player.silence_ms), player.silence_ms >= LEAST_MISSED_MS, 13),
        ("skipped", _seconds(player.skipped_ms), player.skipped_ms >= LEAST_MISSED_MS, 14),
        ("dry", f"{player.dry_device}", player.dry_device, 8),
    )
    spare = page.width - sum(cells for *_, cells in figures)
    gap = min(MOST_GAP_CELLS, max(GAP_CELLS, spare // len(figures)))
    line = Line()
    for name, figure, is_fault, cells in figures:
        style = page.palette.warn if is_fault else page.palette.value
        line.add(name, page.palette.label).right(figure, cells - len(name), style).space(gap)
    return line


def _seconds(stretch_ms: float) -> str:
    return f"{fixed(stretch_ms / 1000, 1 if stretch_ms < 99_950 else 0)} s"
