"""The quality report: a Markdown table and a JSON file."""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from codec.chunks.plan import ChunkPlan, Stitching
from codec.codec import Codec
from codec.errors import EscError, UsageError
from codec.evaluation.comparison import (
    BookReport,
    Scores,
    read_recordings,
    score_model,
    score_rival,
    score_stitching,
)
from codec.evaluation.metrics import PACKAGES, metrics_package
from codec.evaluation.rivals import all_rivals

COLUMNS = {
    "kbps": ("kbps", 2),
    "pesq_wb": ("PESQ-wb", 2),
    "stoi": ("STOI", 3),
    "si_sdr_db": ("SI-SDR dB", 1),
    "mel_distance_db": ("mel dB", 1),
}

STITCHINGS = (ChunkPlan(16000, 0, Stitching.SEAMLESS), ChunkPlan(16000, 1600, Stitching.CROSSFADE))
"""The ways of joining chunks that are measured beside coding as a whole."""


def parser() -> argparse.ArgumentParser:
    """All options."""
    options = argparse.ArgumentParser(
        prog="python -m codec.evaluation", description="Measure a model on recordings of speech, beside other coders."
    )
    options.add_argument("--data", type=Path, action="append", required=True, help="folder or file; may be repeated")
    options.add_argument("--model", type=Path, help="model folder (default: the bundled model)")
    options.add_argument("--seconds", type=float, default=8, help="measure the middle of each recording (default: 8)")
    options.add_argument("--json", type=Path, help="write all figures to this file")
    options.add_argument("--no-rivals", action="store_true", help="leave out Opus and Codec 2")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, as the JSON file holds them; prints the table as it comes."""
    for package in PACKAGES:
        metrics_package(package)
    named = dict(read_recordings(options.data, options.seconds))
    if not named:
        raise UsageError(f"there are no recordings in {', '.join(map(str, options.data))}: give others with --data")
    recordings = list(named.values())
    codec = Codec.load(options.model)
    seconds = sum(map(len, recordings)) / codec.sample_rate
    print(f"{len(recordings)} recordings, {seconds:.0f} s; model {codec.name} {codec.fingerprint}\n")
    print_row("coder", [heading for heading, _ in COLUMNS.values()])
    print_row("---", ["---"] * len(COLUMNS))
    scores, books = score_model(codec, recordings)
    for score in scores:
        print_scores(score)
    for plan in STITCHINGS:
        scores.append(score_stitching(codec, recordings, plan))
        print_scores(scores[-1])
    for rival in [] if options.no_rivals else all_rivals():
        if rival.missing_tools:
            print_row(rival.name, [f"{' and '.join(rival.missing_tools)} not installed"] + [""] * (len(COLUMNS) - 1))
            continue
        scores.append(score_rival(rival, recordings))
        print_scores(scores[-1])
    print_books(books)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "model": codec.name,
        "fingerprint": codec.fingerprint,
        "recordings": list(named),
        "seconds": round(seconds, 1),
        "coders": {score.coder: {name: score.mean(name) for name in COLUMNS} for score in scores},
        "codebooks": [asdict(book) for book in books],
    }


def print_row(name: str, cells: list[str]) -> None:
    """One row of the Markdown table."""
    print(f"| {' | '.join([name, *cells])} |", flush=True)


def print_scores(score: Scores) -> None:
    """The row of one coder."""
    means = {name: score.mean(name) for name in COLUMNS}
    print_row(
        score.coder,
        ["" if (mean := means[name]) is None else f"{mean:.{digits}f}" for name, (_, digits) in COLUMNS.items()],
    )


def print_books(books: list[BookReport]) -> None:
    """One line a stream: how much of its codebooks is used."""
    print()
    for stream in sorted({book.stream for book in books}):
        own = [book for book in books if book.stream == stream]
        shown = ", ".join(f"{book.perplexity:.0f}" for book in own)
        share = sum(book.bits_share for book in own) / len(own)
        print(f"stream {stream}: perplexity {shown}; {share:.0%} of the bits used")


def main(arguments: list[str] | None = None) -> int:
    """Measure; gives the exit code."""
    options = parser().parse_args(arguments)
    try:
        figures = measure(options)
    except EscError as error:
        print(f"codec.evaluation: {error}", file=sys.stderr)
        return 2
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
