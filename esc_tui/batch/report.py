"""The results of a batch as plain data and as a table."""

import os
from collections.abc import Sequence
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
    done = [stats for stats in jobs if stats.state is JobState.DONE and stats.outcome]
    measured = any(stats.outcome and stats.outcome.quality for stats in done)
    table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold", show_footer=len(done) > 1)
    footer = (f"{len(done)} files", *_cells(totals(done, elapsed_s).figures))
    for heading, cell in zip(_HEADINGS, footer, strict=True):
        table.add_column(heading, cell, justify="left" if heading == "file" else "right", overflow="fold")
    if measured:
        qualities = [stats.outcome.quality for stats in done if stats.outcome and stats.outcome.quality]
        for heading, cell in zip(_MEASURES, _quality_cells(mean_quality(qualities)), strict=True):
            table.add_column(heading, cell, justify="right")
    for name, stats in zip(short_names([stats.name for stats in done]), done, strict=True):
        quality = _quality_cells(stats.outcome.quality) if measured and stats.outcome else ()
        table.add_row(shown(name), *_cells(stats.figures), *quality)
    return table


def short_names(names: Sequence[str]) -> list[str]:
    """Return paths without the folder that all of them share."""
    folders = {os.path.dirname(name) for name in names}
    if len(names) < 2 or len({os.path.isabs(name) for name in names}) > 1:
        return [os.path.basename(name) for name in names]
    shared = os.path.commonpath(folders)
    return [os.path.relpath(name, shared) if shared else name for name in names]


_HEADINGS = ("file", "duration", "bytes", "kbps", "ratio", "RTF")
_MEASURES = ("SI-SDR dB", "mel dB", "STOI", "PESQ-wb")


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        duration_text(figures.audio_s),
        f"{figures.file_bytes:,}",
        _number(figures.file_kbps, 2),
        _number(figures.ratio, 1),
        _number(figures.rtf, 3),
    )


def _quality_cells(quality: Quality | None) -> tuple[str, ...]:
    if quality is None:
        return ("–",) * len(_MEASURES)
    values = (quality.si_sdr_db, quality.mel_distance_db, quality.stoi, quality.pesq_wb)
    return tuple(_number(value, places) for value, places in zip(values, (2, 2, 3, 2), strict=True))


def _number(value: float, places: int) -> str:
    return "–" if isnan(value) else f"{value:.{places}f}"


def duration_text(seconds: float) -> str:
    """Return a duration as seconds below a minute, else as M:SS or H:MM:SS."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
