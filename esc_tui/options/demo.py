"""The options of `demo`, and the settings of its two ends."""

from pathlib import Path

from click import option

from esc_tui.options.chunks import chunk_options, chunk_plan, lookahead_option, stitching_option
from esc_tui.options.command import Values, compose, flag
from esc_tui.options.shared import PathType, model_options, num_streams_option, save_path_option
from net.settings import PlaybackSettings, ReceiverSettings, SenderSettings

SPEECH_SAMPLE = Path(__file__).parent.parent / "samples" / "speech.flac"

demo_options = compose(
    option("--input", type=PathType, metavar="FILE", help="A sound file.  [default: a speech sample]"),
    option("--realtime/--no-realtime", default=True, help="Send at the pace of speech."),
    flag("--play", help="Play what is received, on the system's output."),
    num_streams_option,
    chunk_options,
    stitching_option,
    lookahead_option,
    save_path_option,
    model_options,
)


def demo_settings(values: Values) -> tuple[SenderSettings, ReceiverSettings]:
    """Make the settings of both ends, the sender's without its port; raises `UsageError` for what cannot work."""
    sending = SenderSettings(
        input=values["input"] or SPEECH_SAMPLE,
        num_streams=values["num_streams"],
        plan=chunk_plan(values),
        lookahead_ms=values["lookahead_ms"],
        realtime=values["realtime"],
        model_path=values["model_path"],
        device=values["device"],
    )
    receiving = ReceiverSettings(
        port=0,  # any free one
        save_path=values["save_path"],
        save_chunks=True,
        once=True,
        playback=PlaybackSettings() if values["play"] else None,
        model_path=values["model_path"],
        device=values["device"],
    )
    return sending, receiving
