"""The player's section: its buffer, its device, and what listeners had to miss."""

from esc_tui.drawing.chart import scale_top
from esc_tui.drawing.line import Line
from esc_tui.drawing.numbers import fixed, milliseconds
from esc_tui.drawing.sections import History, Page, heading, row_lines
from net.stats import LinkState, PlaybackStats, StreamStats

COLUMNS = 3
GAP_CELLS = 2


def player_lines(stats: StreamStats, page: Page) -> list[Line]:
    """The receiver's player; nothing where nobody listens."""
    player, ink = stats.playback, page.ink
    if player is None or stats.state.is_final:
        return []
    top = scale_top(max((*player.buffer_history_ms[-page.window_s :], player.target_ms), default=1.0))
    lines = [heading(page, "PLAYER", "ms", ("now", "target"), f"{page.window_s} s, 0 to {top:g}")]
    history = History(player.buffer_history_ms, top, ink.latency, ink.latency_fill, int(stats.epoch_s))
    lines += row_lines(page, "buffer", (milliseconds(player.buffer_ms), milliseconds(player.target_ms)), history)
    return [*lines, _device_line(player, stats.state, page), *_figure_lines(player, page)]


def _device_line(player: PlaybackStats, state: LinkState, page: Page) -> Line:
    ink, label_cells = page.ink, page.grid.label_cells
    how, style = f"volume {player.volume * 100:.0f} %", ink.value
    if not player.connected:
        how, style = "lost, trying again", ink.warn
    elif player.muted:
        how, style = f"muted at {player.volume * 100:.0f} %", ink.warn
    elif not player.playing and state is LinkState.STREAMING:
        how = f"waiting for sound, {how}"
    room = page.width - label_cells - len(how) - GAP_CELLS
    name = Line().left("device", label_cells, ink.label).left(player.device, min(len(player.device), room), ink.value)
    return name.space(GAP_CELLS).add(how, style)


def _figure_lines(player: PlaybackStats, page: Page) -> list[Line]:
    ink = page.ink
    figures = [
        ("underruns", f"{player.underruns}", player.underruns),
        ("filled", f"{player.silence_ms:.0f} ms", player.silence_ms >= 1),
        ("drift", f"{fixed(player.drift_ppm, 1, plus=True)} ppm", False),
        ("device dry", f"{player.dry_device}", player.dry_device),
        ("skipped", f"{player.skipped_ms:.0f} ms", player.skipped_ms >= 1),
    ]
    cell = page.width // COLUMNS
    lines = []
    for first in range(0, len(figures), COLUMNS):
        line = Line()
        for name, figure, is_fault in figures[first : first + COLUMNS]:
            style = ink.warn if is_fault else ink.value
            line.add(name, ink.label).right(figure, cell - GAP_CELLS - len(name), style).space(GAP_CELLS)
        lines.append(line)
    return lines
