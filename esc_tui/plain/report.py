"""Snapshots, events and final reports as plain data: what JSON lines and report files hold."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from net.engine import Engine
from net.telemetry.stats import Event, StreamStats
from net.text import REPLACEMENT

HISTORIES = ("history_kbps", "history_ms", "buffer_history_ms", "streams_history", "buckets")
UNPAIRED_SURROGATE = re.compile("[\ud800-\udfff]")
"""Stands in a file name for a byte that is not UTF-8, and has no place in JSON."""


def encode_json(record: object) -> bytes:
    """Return a record of plain data as JSON; U+FFFD stands for bytes of file names that are not UTF-8."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.json.encode(_valid_unicode(record))


def snapshot_record(stats: StreamStats, *, histories: bool = False) -> dict[str, Any]:
    """Return one stream's numbers, without the spectrogram and, unless asked for, without the histories."""
    record: dict[str, Any] = msgspec.to_builtins(stats, enc_hook=lambda _array: None)
    del record["sound"]["columns"]
    record["progress"] = stats.progress
    return record if histories else _without_histories(record)


def event_record(event: Event) -> dict[str, Any]:
    """Return one event."""
    record: dict[str, Any] = msgspec.to_builtins(event)
    return record


def final_report(engines: Sequence[Engine], exit_code: int) -> dict[str, Any]:
    """Return everything that is known at the end: each stream with its histories, all events, and the errors."""
    return {
        "exit_code": exit_code,
        "errors": [str(engine.error) for engine in engines if engine.error is not None],
        "streams": [snapshot_record(stats, histories=True) for engine in engines for stats in engine.snapshots()],
        "events": [event_record(event) for engine in engines for event in engine.events_since(0)],
    }


def _without_histories(record: Any) -> Any:
    if isinstance(record, dict):
        return {key: _without_histories(value) for key, value in record.items() if key not in HISTORIES}
    if isinstance(record, list | tuple):
        return [_without_histories(value) for value in record]
    return record


def _valid_unicode(record: Any) -> Any:
    if isinstance(record, str):
        return UNPAIRED_SURROGATE.sub(REPLACEMENT, record)
    if isinstance(record, dict):
        return {key: _valid_unicode(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [_valid_unicode(value) for value in record]
    return record
