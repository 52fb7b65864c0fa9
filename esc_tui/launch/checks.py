"""Checks a filled-in form the way the command will: through the settings that the engines are built from."""

from collections.abc import Callable, Sequence
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from codec.chunks import ChunkPlan
from codec.errors import UsageError
from esc_tui.launch.form import Field, Values, field_problem
from net.settings import ReceiverSettings, SenderSettings

SETTING_OF_FIELD = {
    "input_path": "input",
    "buffer_size": "buffer_chunks",
    "connect_timeout": "connect_timeout_s",
    "grace": "grace_s",
}
"""Options whose setting has another name."""

SETTINGS: dict[str, Callable[..., object]] = {
    "sender": SenderSettings,
    "receiver": ReceiverSettings,
    "demo": SenderSettings,
}
NEEDS_INPUT = {"sender", "compress"}


def problem(command: str, fields: Sequence[Field], values: Values) -> str:
    """The first thing that keeps `command` from running with these values, as advice; empty where nothing does."""
    for field in fields:
        if found := field_problem(field, values.get(field.name, field.default)):
            return found
        if field.is_file and command in NEEDS_INPUT and not values.get(field.name):
            return f"choose what to {'send' if command == 'sender' else 'code'}: a sound file, with ctrl+o"
    return _settings_problem(command, fields, values)


def _settings_problem(command: str, fields: Sequence[Field], values: Values) -> str:
    settings: dict[str, Any] = {"input": Path("none")}
    chunks = {}
    for field in fields:
        value = values.get(field.name, field.default)
        if value == "" or field.choices:
            continue
        converted = value if isinstance(value, bool) else field.type.convert(value, None, None)
        if field.name in ("chunk_size", "overlap_size"):
            chunks[field.name] = converted
        settings[SETTING_OF_FIELD.get(field.name, field.name)] = converted
    try:
        if chunks:
            settings["plan"] = ChunkPlan(chunks["chunk_size"], chunks["overlap_size"])
        if command in SETTINGS:
            build = SETTINGS[command]
            known = {field.name for field in dataclass_fields(build)}  # type: ignore[arg-type] # a dataclass, called
            build(**{name: value for name, value in settings.items() if name in known})
    except UsageError as error:
        return str(error)
    return ""
