"""The files of a batch: one line each, with a bar while it runs and its figures when it is done."""

from collections.abc import Sequence

from rich.style import Style

from esc_tui.batch.report import figure_cells, short_names
from esc_tui.batch.stats import JobState, JobStats, totals
from esc_tui.console.drawing.gauge import gauge
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import clock, fixed
from esc_tui.console.drawing.palette import Palette
from esc_tui.console.drawing.stream_rows import shown_rows
from net.text import printable

SIGNS = {JobState.WAITING: "·", JobState.RUNNING: "▶", JobState.DONE: "✓", JobState.FAILED: "✗", JobState.STOPPED: "■"}
FIGURES = (("sound", 9), ("bytes", 11), ("kbps", 7), ("ratio", 7), ("RTF", 8))
MEASURES = (("SI-SDR", 8), ("mel dB", 8), ("STOI", 7), ("PESQ", 6))
SIGN_CELLS, LEAST_NAME_CELLS, LEAST_GAUGE_CELLS = 4, 16, 10


def job_lines(jobs: Sequence[JobStats], chosen: int, width: int, height: int, ink: Palette) -> list[Line]:
    """Return a heading, and as many files around the chosen one as fit; a click on one runs `app.show(number)`."""
    measured = any(stats.outcome and stats.outcome.quality for stats in jobs)
    columns = FIGURES + MEASURES if measured else FIGURES
    name_cells = max(LEAST_NAME_CELLS, width - SIGN_CELLS - sum(cells for _, cells in columns))
    heading = Line().left("  FILES", SIGN_CELLS + name_cells, ink.heading)
    for title, cells in columns:
        heading.right(title, cells, ink.muted)
    names = [_printable(name) for name in short_names([stats.name for stats in jobs])]
    lines = [heading]
    for number in shown_rows(len(jobs), chosen, height - 1):
        line = _line(jobs[number], names[number], name_cells, columns, ink, is_chosen=number == chosen)
        lines.append(line.clickable(f"app.show({number})"))
    return lines


def total_line(jobs: Sequence[JobStats], elapsed_s: float, width: int, ink: Palette) -> Line:
    """Return a line for all files: how many have ended, how much sound is coded, how fast, and the time left."""
    total = totals(jobs, elapsed_s)
    line = Line().add(f"{total.ended} of {total.files} files", ink.strong)
    if total.failed:
        line.add(f"  {total.failed} failed", ink.bad)
    line.add("  sound ", ink.label).add(f"{clock(total.figures.audio_s)} of {clock(total.total_s)}", ink.value)
    line.add("  RTF ", ink.label).add(fixed(total.figures.rtf, 3), ink.value)
    line.add("  ETA ", ink.label).add(clock(total.left_s), ink.value).space(2)
    room = width - line.cells
    if room >= LEAST_GAUGE_CELLS:
        line.extend(gauge(total.figures.audio_s / total.total_s if total.total_s else 0.0, room, ink.payload, ink))
    return line


def _line(
    stats: JobStats, name: str, name_cells: int, columns: Sequence[tuple[str, int]], ink: Palette, *, is_chosen: bool
) -> Line:
    text, figures_cells = ink.chosen if is_chosen else ink.value, sum(cells for _, cells in columns)
    line = Line().add("▸" if is_chosen else " ", ink.heading)
    line.left(f" {SIGNS[stats.state]} ", SIGN_CELLS - 1, _state_style(stats.state, ink))
    if stats.state is JobState.FAILED:
        return line.left(f"{name}  {_printable(stats.error)}", name_cells + figures_cells, ink.bad)
    if stats.state is JobState.RUNNING and stats.total_s:
        line.left(name, name_cells, text)
        line.right(clock(stats.audio_s), FIGURES[0][1], text).space(2)
        rest = figures_cells - FIGURES[0][1] - 2 - FIGURES[-1][1]
        line.extend(gauge(stats.audio_s / stats.total_s, rest, ink.payload, ink))
        return line.right(fixed(stats.figures.rtf, 3), FIGURES[-1][1], text)
    line.left(name, name_cells, text if stats.state is not JobState.WAITING or is_chosen else ink.muted)
    values = [clock(stats.total_s)]
    if stats.outcome:
        values = [clock(stats.audio_s), *figure_cells(stats.figures, stats.outcome.quality, fixed)]
    for value, (_, cells) in zip(values, columns, strict=False):
        line.right(value, cells, text)
    return line


def _printable(text: str) -> str:
    return printable(text, len(text))


def _state_style(state: JobState, ink: Palette) -> Style:
    return {JobState.DONE: ink.good, JobState.FAILED: ink.bad, JobState.STOPPED: ink.warn}.get(state, ink.value)
