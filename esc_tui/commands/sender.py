"""`esc-tui sender`: stream a sound file to a receiver."""

from pathlib import Path

import click

from codec.chunks import ChunkPlan
from esc_tui.commands.options import (
    Display,
    PathType,
    address_options,
    chunk_options,
    display_options,
    model_options,
    num_streams_option,
)
from esc_tui.errors import ExitCode
from esc_tui.run import run_engines
from net.settings import SenderSettings


@click.command("sender")
@click.option(
    "--input", "input_path", type=PathType, required=True, metavar="FILE", help="The sound or .esc file to stream."
)
@address_options
@num_streams_option
@chunk_options
@click.option("--realtime", is_flag=True, help="Send at the pace of speech instead of as fast as possible.")
@click.option("--buffer-size", default=10, show_default=True, help="Chunks that may wait between two stages.")
@click.option("--rate-limit-bps", type=int, metavar="BPS", help="Send at most so many bits a second.")
@click.option("--connect-timeout", default=10.0, show_default=True, help="Seconds to wait for the receiver.")
@model_options
@display_options
def command(
    *,
    input_path: Path,
    host: str,
    port: int,
    num_streams: int,
    chunk_size: int,
    overlap_size: int,
    realtime: bool,
    buffer_size: int,
    rate_limit_bps: int | None,
    connect_timeout: float,
    model_path: Path | None,
    device: str,
    headless: bool,
    as_json: bool,
    theme: str | None,
    refresh_hz: float,
) -> ExitCode:
    """Stream a sound file to a receiver.

    Any sampling rate, channel count and format that libsndfile reads, or an .esc file, whose codes are sent as they
    are; the sender waits for its receiver, and resumes after a broken connection.
    """
    settings = SenderSettings(
        input=input_path,
        host=host,
        port=port,
        num_streams=num_streams,
        plan=ChunkPlan(chunk_size, overlap_size),
        realtime=realtime,
        buffer_chunks=buffer_size,
        rate_limit_bps=rate_limit_bps,
        connect_timeout_s=connect_timeout,
        model_path=model_path,
        device=device,
    )
    from net.sender import Sender  # noqa: PLC0415 - not needed to show the help

    return run_engines([Sender(settings)], Display(headless, as_json, theme, refresh_hz), "sender")
