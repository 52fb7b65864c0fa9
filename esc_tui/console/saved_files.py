"""What the console saves in the current folder: a picture of the screen, the session's report."""

import io
from collections.abc import Iterable
from datetime import datetime

from textual.app import App

from esc_tui.console.view import LoggedEvent, View
from esc_tui.plain.report import session_report


def save_screenshot(app: App[None]) -> None:
    """Save an SVG of the screen."""
    app.deliver_screenshot(_file_name("svg"), path=".")


def save_report(app: App[None], view: View, events: Iterable[LoggedEvent]) -> None:
    """Save the figures of `view` and `events` as JSON."""
    report = io.StringIO(session_report(view, events).decode())
    name = _file_name("json")
    app.deliver_text(report, save_directory=".", save_filename=name, mime_type="application/json", name="report")


def _file_name(extension: str) -> str:
    return f"esc-tui-{datetime.now():%Y%m%d-%H%M%S}.{extension}"
