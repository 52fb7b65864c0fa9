"""`esc-tui receiver`: receive streams, decode, save and play them."""

from dataclasses import dataclass
from pathlib import Path

import click

from esc_tui.errors import ExitCode
from esc_tui.options.security import allow_options, tls_options, tls_settings
from esc_tui.options.shared import (
    GivenOptions,
    address_options,
    display_options,
    given_as,
    model_options,
    playback_settings,
    save_path_option,
)
from esc_tui.run import run_engines
from net.settings import QuotaLimits, ReceiverSettings
from net.transport.security.trust_questions import TrustQuestions


@dataclass(frozen=True, kw_only=True)
class ReceiverOptions(GivenOptions):
    """What was asked of the receiver."""

    host: str
    port: int
    save_path: Path
    save_chunks: bool
    save_codes: bool
    max_connections: int
    once: bool
    buffer_size: int
    grace: float
    min_streams: int
    play: bool
    output_device: str | None
    jitter_ms: float | None
    lookahead_ms: float | None
    tls: bool
    trust: tuple[str, ...]
    allow: tuple[str, ...]
    insecure: bool
    max_disk: int | None

    def settings(self) -> ReceiverSettings:
        """The engine's settings. Raises `UsageError` for what cannot work."""
        return ReceiverSettings(
            host=self.host,
            port=self.port,
            save_path=self.save_path,
            save_chunks=self.save_chunks,
            save_codes=self.save_codes,
            max_connections=self.max_connections,
            once=self.once,
            buffer_chunks=self.buffer_size,
            grace_s=self.grace,
            min_streams=self.min_streams,
            lookahead_ms=self.lookahead_ms,
            playback=playback_settings(play=self.play, output_device=self.output_device, jitter_ms=self.jitter_ms),
            model_path=self.model_path,
            device=self.device,
            tls=tls_settings(self.tls, self.trust, self.allow),
            insecure=self.insecure,
            intake=QuotaLimits(max_disk_bytes=self.max_disk),
        )


@click.command("receiver")
@address_options
@save_path_option
@click.option("--save-chunks", is_flag=True, help="Save each chunk's part of the sound as a file of its own, too.")
@click.option("--save-codes", is_flag=True, help="Save the codes as they arrive, as an .esc file, too.")
@click.option("--max-connections", default=8, show_default=True, metavar="N", help="Streams that are served at once.")
@click.option("--once", is_flag=True, help="End after the first stream.")
@click.option(
    "--buffer-size", default=20, show_default=True, metavar="N", help="Chunks that may wait between two stages."
)
@click.option(
    "--grace",
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds that an interrupted stream is kept open for its sender.",
)
@click.option(
    "--min-streams",
    default=1,
    show_default=True,
    metavar="K",
    help="Ask adaptive senders to use so many streams at least.",
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
@given_as(ReceiverOptions)
def command(given: ReceiverOptions) -> ExitCode:
    """Receive streams, decode, save and play them.

    Serves several senders at once, each with files of its own, until it is stopped.
    """
    settings, display = given.settings(), given.display
    from net.receiver.engine import Receiver  # noqa: PLC0415 - not needed to show the help

    questions = TrustQuestions()
    receiver = Receiver(settings, questions=questions)
    receiver.listen()  # what keeps it from that is told here, not in a console
    return run_engines([receiver], display, "receiver", questions)
