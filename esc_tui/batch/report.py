"""The results of a batch as plain data and as a table."""

import os
from collections.abc import Callable, Sequence
from dataclasses import astuple
from math import isnan
from typing import Any

import msgspec
from rich.table import Table

from codec.evaluation.quality import Quality, mean_quality
from esc_tui.batch.stats import Figures, JobState, JobStats, totals
from esc_tui.markup import shown


def job_record(stats: JobStats) -> dict[str, Any]:
    """Return one file's figures for JSON."""
    record: dict[str, Any] = {
        "name": stats.name,
        "state": str(stats.state),
        "audio_s": stats.audio_s,
        "elapsed_s": stats.elapsed_s,
        "rtf": stats.figures.rtf,
    }
    if stats.error:
        record["error"] = stats.error
    if stats.outcome:
        coded = stats.outcome.coded
        record |= {
            "files": stats.outcome.files,
            "bytes": coded.file_bytes,
            "payload_bytes": coded.payload_bytes,
            "kbps": stats.figures.file_kbps,
            "ratio": stats.figures.ratio,
            "num_streams": coded.header.num_streams,
            "channels": coded.header.channels,
            "non_finite_samples": coded.non_finite_samples,
            "missing": coded.missing,
            "damaged": [str(error) for error in coded.damaged],
            "warnings": coded.warnings,
            "quality": msgspec.to_builtins(stats.outcome.quality),
        }
    return record


def notes(stats: JobStats) -> list[str]:
    """Return warnings about a file that is done."""
    if not stats.outcome:
        return []
    coded = stats.outcome.coded
    return [
        *(f"{stats.name}: {warning}" for warning in coded.warnings),
        *(f"{error}: silence stands for it" for error in coded.damaged),
    ]


def result_table(jobs: Sequence[JobStats], elapsed_s: float) -> Table:
    """Return a table of the files that are done, with a last row for all of them."""
    done = [(stats, stats.outcome) for stats in jobs if stats.state is JobState.DONE and stats.outcome]
    qualities = [outcome.quality for _, outcome in done if outcome.quality]
    table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold", show_footer=len(done) > 1)
    total = totals([stats for stats, _ in done], elapsed_s).figures
    footer = (f"{len(done)} files", *_cells(total, mean_quality(qualities) if qualities else None))
    for heading, cell in zip(_HEADINGS + _MEASURES * bool(qualities), footer, strict=True):
        table.add_column(heading, cell, justify="left" if heading == "file" else "right", overflow="fold")
    for name, (stats, outcome) in zip(short_names([stats.name for stats, _ in done]), done, strict=True):
        table.add_row(shown(name), *_cells(stats.figures, (outcome.quality or Quality()) if qualities else None))
    return table


def figure_cells(figures: Figures, quality: Quality | None, number: Callable[[float, int], str]) -> list[str]:
    """Return size, bitrate, ratio, real-time factor and the measures, if any, as `number` writes them."""
    values = [(figures.file_kbps, 2), (figures.ratio, 1), (figures.rtf, 3)]
    if quality is not None:
        values += zip(astuple(quality), (2, 2, 3, 2), strict=True)
    return [f"{figures.file_bytes:,}", *(number(value, places) for value, places in values)]


def short_names(names: Sequence[str]) -> list[str]:
    """Return paths without the folder that all of them share."""
    folders = {os.path.dirname(name) for name in names}
    if len(names) < 2 or len({os.path.isabs(name) for name in names}) > 1:
        return [os.path.basename(name) for name in names]
    shared = os.path.commonpath(folders)
    return [os.path.relpath(name, shared) if shared else name for name in names]


_HEADINGS = ("file", "duration", "bytes", "kbps", "ratio", "RTF")
_MEASURES = ("SI-SDR dB", "mel dB", "STOI", "PESQ-wb")


def _cells(figures: Figures, quality: Quality | None) -> list[str]:
    return [duration_text(figures.audio_s), *figure_cells(figures, quality, _number)]


def _number(value: float, places: int) -> str:
    return "–" if isnan(value) else f"{value:.{places}f}"


def duration_text(seconds: float) -> str:
    """Return a duration as seconds below a minute, else as M:SS or H:MM:SS."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
