"""`esc-tui info`: what is in an `.esc` file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from codec.container import EscReader
from codec.errors import ContainerError
from esc_tui.batch.inputs import CODES_SUFFIXES, Input, Search, unreadable_text
from esc_tui.batch.report import duration_text
from esc_tui.errors import ExitCode, print_error, print_message
from esc_tui.options.files import inputs_argument, named_inputs
from esc_tui.plain.output import figures_table, print_json, results_console


@click.command("info")
@inputs_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def command(*, inputs: tuple[Path, ...], as_json: bool) -> ExitCode:
    """Tell what is in .esc files, reading and checking all of it.

    Exits with 1 where something is damaged or cut off, or where one of many cannot be read.
    """
    found = Search(named_inputs(inputs), CODES_SUFFIXES).find()
    are_whole = [_print_file(source, as_json=as_json, is_alone=len(found.inputs) == 1) for source in found.inputs]
    for error in found.errors:
        print_message(unreadable_text(error))
    return ExitCode.DONE if all(are_whole) and not found.errors else ExitCode.PARTLY_FAILED


def _print_file(source: Input, *, as_json: bool, is_alone: bool) -> bool:
    """Print what is in a file; return whether all of it is whole. Raises `ContainerError` if it is the only one."""
    try:
        record = _read(source)
    except ContainerError as error:
        if is_alone:
            raise
        print_error(error)
        if as_json:
            print_json({"name": source.name, "problems": [str(error)]})
        return False
    if as_json:
        print_json(record)
    else:
        results_console().print(figures_table(record["name"], _rows(record)))
    return not record["problems"]


def _read(source: Input) -> dict[str, Any]:
    with EscReader(source.path) as reader:
        problems = reader.damage()
        return {"name": source.name, **_record(reader), "problems": problems}


def _record(reader: EscReader) -> dict[str, Any]:
    header = reader.header
    seconds = reader.total_samples / header.sample_rate
    return {
        "model": header.model,
        "fingerprint": header.fingerprint,
        "sample_rate": header.sample_rate,
        "source_rate": header.source_rate,
        "samples": reader.total_samples,
        "seconds": seconds,
        "channels": header.channels,
        "num_streams": header.num_streams,
        "codes_kbps": header.kbps,
        "file_kbps": reader.file_bytes * 8 / seconds / 1000 if seconds else None,
        "bytes": reader.file_bytes,
        "payload_bytes": reader.payload_bytes,
        "stitching": str(header.stitching),
        "chunk_samples": header.chunk_samples,
        "overlap_samples": header.overlap_samples,
        "chunks": reader.chunk_count,
        "missing_chunks": reader.missing_chunks,
        "complete": reader.complete,
    }


def _rows(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    rate = record["sample_rate"]
    yield "model", f"{record['model']} {record['fingerprint']}"
    yield "sound", f"{duration_text(record['seconds'])}, {record['samples']} samples at {rate} Hz"
    if record["source_rate"] not in (0, rate):
        yield "resampled from", f"{record['source_rate']} Hz"
    yield "channels", str(record["channels"])
    yield "streams", f"{record['num_streams']}, {record['codes_kbps']:.1f} kbps a channel"
    file_kbps = record["file_kbps"]
    yield "file", f"{record['bytes']:,} bytes" + (f", {file_kbps:.2f} kbps" if file_kbps else "")
    yield "codes", f"{record['payload_bytes']:,} bytes"
    overlap = f" with {record['overlap_samples']} of overlap" if record["overlap_samples"] else ""
    yield "chunks", f"{record['chunks']} of {record['chunk_samples']} samples{overlap}, {record['stitching']}"
    if record["missing_chunks"]:
        yield "missing", f"{record['missing_chunks']} chunks were lost before they were stored"
    yield "complete", "yes" if record["complete"] else "no"
    for problem in record["problems"]:
        yield "problem", problem
