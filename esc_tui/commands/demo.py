"""`esc-tui demo`: both ends of a link in one terminal."""

from pathlib import Path

import click

from esc_tui.commands.options import (
    Display,
    PathType,
    chunk_options,
    chunk_plan,
    display_options,
    lookahead_option,
    model_options,
    num_streams_option,
    save_path_option,
    stitching_option,
)
from esc_tui.errors import ExitCode
from esc_tui.run import run_engines
from net.settings import PlaybackSettings, ReceiverSettings, SenderSettings

SPEECH_SAMPLE = Path(__file__).parent.parent / "samples" / "speech.flac"


@click.command("demo")
@click.option("--input", "input_path", type=PathType, metavar="FILE", help="A sound file.  [default: a speech sample]")
@click.option("--realtime/--no-realtime", default=True, show_default=True, help="Send at the pace of speech.")
@click.option("--play", is_flag=True, help="Play what is received, on the system's output.")
@num_streams_option
@chunk_options
@stitching_option
@lookahead_option
@save_path_option
@model_options
@display_options
def command(
    *,
    input_path: Path | None,
    realtime: bool,
    play: bool,
    num_streams: int,
    chunk_size: int,
    overlap_size: int | None,
    stitching: str | None,
    lookahead_ms: float | None,
    save_path: Path,
    model_path: Path | None,
    device: str,
    headless: bool,
    as_json: bool,
    theme: str | None,
    refresh_hz: float,
) -> ExitCode:
    """Show both ends of a link in one terminal, over a real loopback socket.

    Leaves the received sound, as one file and chunk by chunk, in the save path.
    """
    receiving = ReceiverSettings(
        port=0,
        save_path=save_path,
        save_chunks=True,
        once=True,
        playback=PlaybackSettings() if play else None,
        model_path=model_path,
        device=device,
    )
    plan = chunk_plan(chunk_size, overlap_size, stitching)
    from net.receiver import Receiver  # noqa: PLC0415 - not needed to show the help
    from net.sender import Sender  # noqa: PLC0415 - likewise

    receiver = Receiver(receiving)
    receiver.check()
    receiver.listen()
    sending = SenderSettings(
        input=input_path or SPEECH_SAMPLE,
        port=receiver.port,
        num_streams=num_streams,
        plan=plan,
        lookahead_ms=lookahead_ms,
        realtime=realtime,
        model_path=model_path,
        device=device,
    )
    return run_engines([Sender(sending), receiver], Display(headless, as_json, theme, refresh_hz), "demo · loopback")
