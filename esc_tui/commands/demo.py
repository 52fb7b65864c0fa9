"""`esc-tui demo`: both ends of a link in one terminal."""

from dataclasses import dataclass, replace
from pathlib import Path

import click

from esc_tui.errors import ExitCode
from esc_tui.options.shared import (
    GivenOptions,
    PathType,
    chunk_options,
    chunk_plan,
    display_options,
    given_as,
    lookahead_option,
    model_options,
    num_streams_option,
    save_path_option,
    stitching_option,
)
from esc_tui.run import run_engines
from net.settings import PlaybackSettings, ReceiverSettings, SenderSettings

SPEECH_SAMPLE = Path(__file__).parent.parent / "samples" / "speech.flac"


@dataclass(frozen=True, kw_only=True)
class DemoOptions(GivenOptions):
    """What was asked of the demo."""

    input_path: Path | None
    realtime: bool
    play: bool
    num_streams: int
    chunk_size: int
    overlap_size: int | None
    stitching: str | None
    lookahead_ms: float | None
    save_path: Path

    def receiving(self) -> ReceiverSettings:
        """The receiver's settings: any free port, and one stream."""
        return ReceiverSettings(
            port=0,
            save_path=self.save_path,
            save_chunks=True,
            once=True,
            playback=PlaybackSettings() if self.play else None,
            model_path=self.model_path,
            device=self.device,
        )

    def sending(self) -> SenderSettings:
        """The sender's settings, but for the port. Raises `UsageError` for what cannot work."""
        return SenderSettings(
            input=self.input_path or SPEECH_SAMPLE,
            num_streams=self.num_streams,
            plan=chunk_plan(self.chunk_size, self.overlap_size, self.stitching, lookahead_ms=self.lookahead_ms),
            lookahead_ms=self.lookahead_ms,
            realtime=self.realtime,
            model_path=self.model_path,
            device=self.device,
        )


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
@given_as(DemoOptions)
def command(given: DemoOptions) -> ExitCode:
    """Show both ends of a link in one terminal, over a real loopback socket.

    Leaves the received sound, as one file and chunk by chunk, in the save path.
    """
    receiving, sending, display = given.receiving(), given.sending(), given.display
    from net.receiver.engine import Receiver  # noqa: PLC0415 - not needed to show the help
    from net.sender.engine import Sender  # noqa: PLC0415 - likewise

    Sender(sending).check()
    receiver = Receiver(receiving)
    receiver.listen()
    sender = Sender(replace(sending, port=receiver.port))
    return run_engines([sender, receiver], display, "demo · loopback")
