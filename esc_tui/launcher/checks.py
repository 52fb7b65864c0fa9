"""Checks a filled-in form the way the command will: through the settings that the engines are built from."""

from collections.abc import Callable, Sequence
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from codec.errors import UsageError
from esc_tui.launcher.form import Field, Values, field_problem
from esc_tui.options.shared import chunk_plan, playback_settings
from net.settings import MicrophoneSettings, ReceiverSettings, SenderSettings

SETTING_OF_FIELD = {
    "input_path": "input",
    "buffer_size": "buffer_chunks",
    "connect_timeout": "connect_timeout_s",
    "reconnect_timeout": "reconnect_timeout_s",
    "grace": "grace_s",
}
"""Options whose setting has another name."""

SETTINGS: dict[str, Callable[..., object]] = {
    "sender": SenderSettings,
    "receiver": ReceiverSettings,
    "demo": SenderSettings,
}


def problem(command: str, fields: Sequence[Field], values: Values) -> str:
    """The first thing that keeps `command` from running with these values, as advice; empty where nothing does."""
    for field in fields:
        if found := field_problem(field, values.get(field.name, field.default)):
            return found
    if command == "compress" and not values.get("more_inputs"):
        return "choose what to code: a sound file, with ctrl+o"
    try:
        _build(command, _converted(fields, values))
    except UsageError as error:
        return str(error)
    return ""


def _converted(fields: Sequence[Field], values: Values) -> dict[str, Any]:
    """What was filled in, by option, as the command gets it; what is empty is left out."""
    filled = {field: values.get(field.name, field.default) for field in fields}
    return {
        field.name: value if isinstance(value, bool) else field.type.convert(value, None, None)
        for field, value in filled.items()
        if value != ""
    }


def _build(command: str, options: dict[str, Any]) -> None:
    settings = {SETTING_OF_FIELD.get(name, name): value for name, value in options.items()}
    if "chunk_size" in options:
        settings["plan"] = chunk_plan(
            options["chunk_size"],
            options.get("overlap_size"),
            options.get("stitching"),
            chunk_ms=options.get("chunk_ms"),
            overlap_ms=options.get("overlap_ms"),
            lookahead_ms=options.get("lookahead_ms"),
            is_live=bool(options.get("microphone") or options.get("live")),
        )
    if command == "demo":
        settings.setdefault("input", Path("the bundled sample"))
    settings["microphone"] = (
        MicrophoneSettings(device=options.get("mic_device"), save_path=options.get("mic_save_path"))
        if options.get("microphone") or "mic_device" in options or "mic_save_path" in options
        else None
    )
    settings["playback"] = playback_settings(
        play=bool(options.get("play")),
        output_device=options.get("output_device"),
        jitter_ms=options.get("jitter_ms"),
    )
    if command in SETTINGS:
        build = SETTINGS[command]
        known = {field.name for field in dataclass_fields(build)}  # type: ignore[arg-type] # a dataclass, called
        build(**{name: value for name, value in settings.items() if name in known})
