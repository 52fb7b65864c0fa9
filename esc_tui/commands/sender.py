"""`esc-tui sender`: stream a sound file or a microphone to a receiver."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click
from platformdirs import user_state_path

from codec.chunks.plan import ChunkPlan
from codec.errors import UsageError
from esc_tui.commands.devices import list_devices as print_devices
from esc_tui.errors import ExitCode
from esc_tui.options.security import tls_options, tls_settings
from esc_tui.options.shared import (
    GivenOptions,
    PathType,
    address_options,
    chunk_ms_options,
    chunk_options,
    chunk_plan,
    display_options,
    given_as,
    given_of,
    lookahead_option,
    microphone_options,
    model_options,
    num_streams_option,
    stitching_option,
)
from esc_tui.run import run_engines
from net.settings import MicrophoneSettings, SenderSettings
from net.transport.security.trust_questions import TrustQuestions

CHOSEN_LIVE = ("stitching", "chunk_size", "chunk_ms", "overlap_size", "overlap_ms", "lookahead_ms", "buffer_size")
"""What `--live` chooses."""


@dataclass(frozen=True, kw_only=True)
class SenderOptions(GivenOptions):
    """What was asked of the sender."""

    input_path: Path | None
    microphone: bool
    mic_device: str | None
    mic_save_path: Path | None
    list_devices: bool
    skip_silence: bool
    live: bool
    host: str
    port: int
    num_streams: int
    chunk_size: int
    overlap_size: int | None
    chunk_ms: int | None
    overlap_ms: int | None
    stitching: str | None
    lookahead_ms: float | None
    realtime: bool
    adaptive: bool
    buffer_size: int
    rate_limit_bps: int | None
    connect_timeout: float
    reconnect_timeout: float
    resume: bool
    tls: bool
    trust: tuple[str, ...]

    @property
    def is_live(self) -> bool:
        """Whether the sound has to be timely."""
        return self.live or self.input_path is None

    def settings(self) -> SenderSettings:
        """The engine's settings. Raises `UsageError` for what cannot work."""
        return SenderSettings(
            input=self.input_path,
            microphone=self._recording(),
            skip_silence=self.skip_silence,
            drop_when_behind=self.is_live,
            host=self.host,
            port=self.port,
            num_streams=self.num_streams,
            plan=self._plan(),
            lookahead_ms=self.lookahead_ms,
            realtime=self.realtime or self.live,
            adaptive=self.adaptive,
            buffer_chunks=self.buffer_size,
            rate_limit_bps=self.rate_limit_bps,
            connect_timeout_s=self.connect_timeout,
            reconnect_timeout_s=self.reconnect_timeout,
            resume=self.resume,
            state_folder=user_state_path("esc-tui"),
            model_path=self.model_path,
            device=self.device,
            tls=tls_settings(self.tls, self.trust),
        )

    def _recording(self) -> MicrophoneSettings | None:
        if self.microphone or self.mic_device or self.mic_save_path:
            return MicrophoneSettings(device=self.mic_device, save_path=self.mic_save_path)
        return None

    def _plan(self) -> ChunkPlan:
        if self.live and (given := given_of(*CHOSEN_LIVE)):
            raise UsageError(f"--live chooses chunks and how they are joined itself: leave out {', '.join(given)}")
        return chunk_plan(
            self.chunk_size,
            self.overlap_size,
            self.stitching,
            chunk_ms=self.chunk_ms,
            overlap_ms=self.overlap_ms,
            lookahead_ms=self.lookahead_ms,
            is_live=self.is_live,
        )


@click.command("sender")
@click.option("--input", "input_path", type=PathType, metavar="FILE", help="The sound or .esc file to stream.")
@microphone_options
@address_options
@num_streams_option
@chunk_options
@chunk_ms_options
@stitching_option
@lookahead_option
@click.option("--realtime", is_flag=True, help="Send at the pace of speech instead of as fast as possible.")
@click.option("--adaptive", is_flag=True, help="Use fewer streams while the network carries no more.")
@click.option(
    "--buffer-size", default=10, show_default=True, metavar="N", help="Chunks that may wait between two stages."
)
@click.option("--rate-limit-bps", type=int, metavar="BPS", help="Send at most so many bits a second.")
@click.option(
    "--connect-timeout", default=10.0, show_default=True, metavar="S", help="Seconds to wait for the receiver."
)
@click.option(
    "--reconnect-timeout",
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds to try to restore a broken connection.",
)
@click.option("--resume", is_flag=True, help="Go on with a file stream that an earlier sender did not finish.")
@tls_options
@model_options
@display_options
@given_as(SenderOptions)
def command(given: SenderOptions) -> ExitCode:
    """Stream a sound file or a microphone to a receiver.

    Any sampling rate, channel count and format that libsndfile reads, or an .esc file, whose codes are sent as they
    are; the sender waits for its receiver, and resumes after a broken connection.
    """
    if given.list_devices:
        print_devices(as_json=given.as_json)
        return ExitCode.DONE
    settings, display = given.settings(), given.display
    if given.live:
        settings = _live_settings(settings)
    from net.sender.engine import Sender  # noqa: PLC0415 - not needed to show the help

    questions = TrustQuestions()
    sender = Sender(settings, questions=questions)
    sender.check()
    return run_engines([sender], display, "sender", questions)


def _live_settings(settings: SenderSettings) -> SenderSettings:
    """Measure this machine with the model, choose, and say what was chosen."""
    from net.runtime.models import shared_codec  # noqa: PLC0415 - likewise
    from net.sender.live_plan import ENCODING_LOOKAHEAD_MS, plan_live  # noqa: PLC0415 - not needed to show the help

    print("esc-tui: live: measuring how fast this machine codes …", file=sys.stderr)
    choice = plan_live(shared_codec(settings.model_path, settings.device), settings.num_streams)
    print(f"esc-tui: {choice.describe()}", file=sys.stderr)
    chosen = choice.chosen
    return replace(settings, plan=chosen.plan, lookahead_ms=ENCODING_LOOKAHEAD_MS, buffer_chunks=chosen.buffer_chunks)
