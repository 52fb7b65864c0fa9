"""`esc-tui receiver`: receive streams, decode, save and play them."""

from pathlib import Path

import click

from esc_tui.commands.options import Display, address_options, display_options, model_options, save_path_option
from esc_tui.commands.security_options import allow_options, tls_options, tls_settings
from esc_tui.errors import ExitCode
from esc_tui.run import run_engines
from net.intake import IntakeLimits
from net.questions import Questions
from net.settings import PlaybackSettings, ReceiverSettings


@click.command("receiver")
@address_options
@save_path_option
@click.option("--save-chunks", is_flag=True, help="Save each chunk's part of the sound as a file of its own, too.")
@click.option("--save-codes", is_flag=True, help="Save the codes as they arrive, as an .esc file, too.")
@click.option("--max-connections", default=8, show_default=True, help="Streams that are served at once.")
@click.option("--once", is_flag=True, help="End after the first stream.")
@click.option("--buffer-size", default=20, show_default=True, help="Chunks that may wait between two stages.")
@click.option(
    "--grace", default=30.0, show_default=True, help="Seconds that an interrupted stream is kept open for its sender."
)
@click.option(
    "--min-streams", default=1, show_default=True, help="Ask adaptive senders to use so many streams at least."
)
@click.option("--play", is_flag=True, help="Play what is received while it is saved.")
@click.option("--output-device", metavar="ID|NAME", help="Output to play on; implies --play.  [default: the system's]")
@click.option(
    "--jitter-ms",
    type=float,
    metavar="MS",
    help="Sound to hold against jitter.  [default: 200; 80 for short live chunks]",
)
@click.option(
    "--lookahead-ms",
    type=float,
    metavar="MS",
    help="Wait for so much of the codes after a seamless chunk.  [default: all that matters; 40 for short live chunks]",
)
@tls_options
@allow_options
@model_options
@display_options
def command(
    *,
    host: str,
    port: int,
    save_path: Path,
    save_chunks: bool,
    save_codes: bool,
    max_connections: int,
    once: bool,
    buffer_size: int,
    grace: float,
    min_streams: int,
    play: bool,
    output_device: str | None,
    jitter_ms: float | None,
    lookahead_ms: float | None,
    tls: bool,
    trust: tuple[str, ...],
    allow: tuple[str, ...],
    insecure: bool,
    max_disk: int | None,
    model_path: Path | None,
    device: str,
    headless: bool,
    as_json: bool,
    theme: str | None,
    refresh_hz: float,
) -> ExitCode:
    """Receive streams, decode, save and play them.

    Serves several senders at once, each with files of its own, until it is stopped.
    """
    settings = ReceiverSettings(
        host=host,
        port=port,
        save_path=save_path,
        save_chunks=save_chunks,
        save_codes=save_codes,
        max_connections=max_connections,
        once=once,
        buffer_chunks=buffer_size,
        grace_s=grace,
        min_streams=min_streams,
        lookahead_ms=lookahead_ms,
        playback=PlaybackSettings(device=output_device, jitter_ms=jitter_ms) if play or output_device else None,
        model_path=model_path,
        device=device,
        tls=tls_settings(tls, trust, allow),
        insecure=insecure,
        intake=IntakeLimits(max_disk_bytes=max_disk),
    )
    from net.receiver import Receiver  # noqa: PLC0415 - not needed to show the help

    questions = Questions()
    receiver = Receiver(settings, questions=questions)
    receiver.check()
    return run_engines([receiver], Display(headless, as_json, theme, refresh_hz), "receiver", questions)
