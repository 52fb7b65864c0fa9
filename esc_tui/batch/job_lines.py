"""The files of a batch: one line each, with a bar while it runs and its figures when it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style

from esc_tui.batch.report import short_names
from esc_tui.batch.stats import JobState, JobStats, totals
from esc_tui.console.drawing.gauge import gauge
from esc_tui.console.drawing.line import Line
from esc_tui.console.drawing.numbers import clock, fixed
from esc_tui.console.drawing.palette import Palette
from net.text import printable

SIGNS = {JobState.WAITING: "·", JobState.RUNNING: "▶", JobState.DONE: "✓", JobState.FAILED: "✗", JobState.STOPPED: "■"}
FIGURES = (("sound", 9), ("bytes", 11), ("kbps", 7), ("ratio", 7), ("RTF", 8))
MEASURES = (("SI-SDR", 8), ("mel dB", 8), ("STOI", 7), ("PESQ", 6))
SIGN_CELLS, LEAST_NAME_CELLS, LEAST_GAUGE_CELLS = 4, 16, 10


def first_shown(count: int, chosen: int, lines: int) -> int:
    """Return the first of the shown files, such that the chosen one is among them."""
    return max(0, min(chosen - lines // 2, count - lines))


def job_lines(jobs: Sequence[JobStats], chosen: int, width: int, height: int, ink: Palette) -> list[Line]:
    """Return a heading, and as many files around the chosen one as fit."""
    measured = any(stats.outcome and stats.outcome.quality for stats in jobs)
    columns = FIGURES + MEASURES if measured else FIGURES
    name_cells = max(LEAST_NAME_CELLS, width - SIGN_CELLS - sum(cells for _, cells in columns))
    heading = Line().left("  FILES", SIGN_CELLS + name_cells, ink.heading)
    for title, cells in columns:
        heading.right(title, cells, ink.muted)
    names = [_printable(name) for name in short_names([stats.name for stats in jobs])]
    first = first_shown(len(jobs), chosen, height - 1)
    shown = list(enumerate(jobs))[first : first + height - 1]
    layout = _Layout(name_cells, columns, ink)
    return [heading, *(_line(stats, names[at], layout, is_chosen=at == chosen) for at, stats in shown)]


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


@dataclass(frozen=True, slots=True)
class _Layout:
    name_cells: int
    columns: Sequence[tuple[str, int]]
    ink: Palette

    @property
    def figures_cells(self) -> int:
        """Cells of all columns together."""
        return sum(cells for _, cells in self.columns)


def _line(stats: JobStats, name: str, layout: _Layout, *, is_chosen: bool) -> Line:
    ink, name_cells = layout.ink, layout.name_cells
    text = ink.chosen if is_chosen else ink.value
    line = Line().add("▸" if is_chosen else " ", ink.heading)
    line.left(f" {SIGNS[stats.state]} ", SIGN_CELLS - 1, _state_style(stats.state, ink))
    if stats.state is JobState.FAILED:
        return line.left(f"{name}  {_printable(stats.error)}", name_cells + layout.figures_cells, ink.bad)
    if stats.state is JobState.RUNNING and stats.total_s:
        line.left(name, name_cells, text)
        line.right(clock(stats.audio_s), FIGURES[0][1], text).space(2)
        rest = layout.figures_cells - FIGURES[0][1] - 2 - FIGURES[-1][1]
        line.extend(gauge(stats.audio_s / stats.total_s, rest, ink.payload, ink))
        return line.right(fixed(stats.figures.rtf, 3), FIGURES[-1][1], text)
    line.left(name, name_cells, text if stats.state is not JobState.WAITING or is_chosen else ink.muted)
    for value, (_, cells) in zip(_values(stats), layout.columns, strict=False):
        line.right(value, cells, text)
    return line


def _values(stats: JobStats) -> list[str]:
    if not stats.outcome:
        return [clock(stats.total_s)]
    figures, quality = stats.figures, stats.outcome.quality
    values = [clock(stats.audio_s), f"{figures.file_bytes:,}", fixed(figures.file_kbps, 2)]
    values += [fixed(figures.ratio, 1), fixed(figures.rtf, 3)]
    if quality:
        values += [fixed(quality.si_sdr_db, 2), fixed(quality.mel_distance_db, 2)]
        values += [fixed(quality.stoi, 3), fixed(quality.pesq_wb, 2)]
    return values


def _printable(text: str) -> str:
    return printable(text, len(text))


def _state_style(state: JobState, ink: Palette) -> Style:
    return {JobState.DONE: ink.good, JobState.FAILED: ink.bad, JobState.STOPPED: ink.warn}.get(state, ink.value)
