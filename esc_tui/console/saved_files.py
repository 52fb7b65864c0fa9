"""What the console saves in the current folder: a picture of the screen, the session's report."""

import io
from collections.abc import Iterable
from datetime import datetime

import msgspec
from textual.app import App

from esc_tui.console.view import LoggedEvent, View
from esc_tui.plain.report import encode_json, event_record, snapshot_record


def save_report(app: App[None], view: View, events: Iterable[LoggedEvent]) -> None:
    """Save what the console knows as indented JSON: each engine's streams with their histories, and all events."""
    report = {
        "engines": [
            {
                "role": engine.role,
                "title": engine.title,
                "error": engine.error or None,
                "streams": [snapshot_record(stats, histories=True) for stats in engine.streams],
            }
            for engine in view.engines
        ],
        "events": [{"engine": logged.engine, **event_record(logged.event)} for logged in events],
    }
    text = io.StringIO(msgspec.json.format(encode_json(report), indent=2).decode() + "\n")
    name = file_name("json")
    app.deliver_text(text, save_directory=".", save_filename=name, mime_type="application/json", name="report")


def file_name(extension: str) -> str:
    """The name of a file that is saved now."""
    return f"esc-tui-{datetime.now():%Y%m%d-%H%M%S}.{extension}"
