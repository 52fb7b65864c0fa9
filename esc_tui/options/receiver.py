"""The options of `receiver`, and the settings that they make."""

import click
from click import option

from codec.errors import UsageError
from esc_tui.options.command import Values, build, compose, flag
from esc_tui.options.devices import complete_device
from esc_tui.options.metrics import metrics_options, metrics_settings
from esc_tui.options.security import allow_options, tls_options, tls_settings
from esc_tui.options.shared import (
    PathType,
    address_options,
    buffer_size_option,
    model_options,
    save_path_option,
    sound_format_option,
)
from net.settings import STANDARD_STREAM, PlaybackSettings, QuotaLimits, ReceiverSettings

receiver_options = compose(
    address_options,
    save_path_option,
    sound_format_option(help="Format of the files once a stream has ended: until then they are WAV."),
    option(
        "--output",
        type=PathType,
        metavar="PIPE|-",
        help="Write the sound to standard output (-) or a named pipe, too: 16-bit PCM, mono, 16 kHz, of one stream "
        "after another.",
    ),
    option(
        "--output-format",
        type=click.Choice(["raw", "wav"]),
        help="PCM alone, or behind the header of a WAV of unknown length.  [default: raw; wav for a pipe of that name]",
    ),
    flag("--save-chunks", help="Save each chunk's part of the sound as a file of its own, too."),
    flag("--save-codes", help="Save the codes as they arrive, as an .esc file, too."),
    option("--max-connections", default=8, metavar="N", help="Streams that are served at once."),
    flag("--once", help="End after the first stream."),
    option("--queue-chunks", default=20, metavar="N", help="Chunks that may wait between two stages."),
    buffer_size_option,
    option(
        "--grace",
        "grace_s",
        default=30.0,
        metavar="S",
        help="Seconds that an interrupted stream is kept open for its sender.",
    ),
    option("--min-streams", default=1, metavar="K", help="Ask adaptive senders to use so many streams at least."),
    flag("--play", help="Play what is received while it is saved."),
    option(
        "--output-device",
        metavar="ID|NAME",
        shell_complete=complete_device,
        help="Output to play on; implies --play.  [default: the system's]",
    ),
    option(
        "--jitter-ms",
        type=float,
        metavar="MS",
        help="Sound to hold against jitter.  [default: 200; 80 for short live chunks]",
    ),
    option(
        "--lookahead-ms",
        type=float,
        metavar="MS",
        help="Wait for so much of the codes after a seamless chunk.  "
        "[default: all that matters; 40 for short live chunks]",
    ),
    metrics_options,
    tls_options,
    allow_options,
    model_options,
)


def receiver_settings(values: Values) -> ReceiverSettings:
    """Make the receiver's settings; raises `UsageError` for values that cannot work, alone or together."""
    return build(
        ReceiverSettings,
        values,
        playback=_playback_settings(values),
        metrics=metrics_settings(values),
        tls=tls_settings(values),
        intake=QuotaLimits(max_disk_bytes=values["max_disk"]),
        admission=None,
        output_wav=_writes_wav(values),
    )


def _writes_wav(values: Values) -> bool:
    """Return whether the output is a WAV; raises `UsageError` for options that contradict each other."""
    output, form = values["output"], values["output_format"]
    if output is None:
        if form is not None:
            raise UsageError("--output-format is for the pipe that --output names: add --output, such as --output -")
        return False
    if output == STANDARD_STREAM and values["json"]:
        raise UsageError("--json and --output - would both write to standard output: choose one, or name a pipe")
    return form == "wav" or (form is None and output.suffix.lower() == ".wav")


def _playback_settings(values: Values) -> PlaybackSettings | None:
    """Return how to play, None for not at all; raises `UsageError` for `--jitter-ms` where nothing is played."""
    if values["play"] or values["output_device"]:
        return PlaybackSettings(device=values["output_device"], jitter_ms=values["jitter_ms"])
    if values["jitter_ms"] is not None:
        raise UsageError("--jitter-ms is for what is played: add --play")
    return None
