"""`esc-tui sender`: stream a sound file or a microphone to a receiver."""

from dataclasses import replace
from typing import Any

import click

from esc_tui.commands.devices import print_devices
from esc_tui.errors import ExitCode, print_message
from esc_tui.options.command import Display, SettingsCommand, Values, build, display_options
from esc_tui.options.sender import sender_options, sender_settings
from esc_tui.run import run_engines, serving_metrics
from esc_tui.terminal import quiet_libraries
from net.settings import SenderSettings
from net.transport.security.trust_questions import TrustQuestions


def check_files(values: Values) -> None:
    """Raise the `EscError` that keeps the sender from starting, as far as files show it."""
    from net.sender.engine import Sender  # noqa: PLC0415 - not needed to show the help

    Sender(sender_settings(values)).check()


@click.command("sender", cls=SettingsCommand, make_settings=sender_settings, check_files=check_files)
@sender_options
@display_options
def command(**values: Any) -> ExitCode:
    """Stream a sound file, a pipe or a microphone to a receiver.

    Any sampling rate, channel count and format that libsndfile or ffmpeg reads, or an .esc file, whose codes are sent
    as they are; the sender waits for its receiver, and resumes after a broken connection.

    A pipe is sent as it comes, and its writer waits while the link is slower; with --live what is late is dropped.
    """
    if values["list_devices"]:
        print_devices(as_json=values["json"])
        return ExitCode.DONE
    settings, display = sender_settings(values), build(Display, values)
    if values["live"]:
        settings = _measured_for_live(settings)
    from net.sender.engine import Sender  # noqa: PLC0415 - not needed to show the help

    questions = TrustQuestions()
    sender = Sender(settings, questions=questions)
    with quiet_libraries():
        sender.check()
    with serving_metrics([sender], settings.metrics):
        return run_engines([sender], display, "sender", questions)


def _measured_for_live(settings: SenderSettings) -> SenderSettings:
    """Measure how fast this machine codes, choose the chunks of the lowest latency, and print the choice."""
    from net.runtime.models import shared_codec  # noqa: PLC0415 - importing torch takes seconds
    from net.sender.live_plan import ENCODING_LOOKAHEAD_MS, plan_live  # noqa: PLC0415 - likewise

    print_message("live: measuring how fast this machine codes …")
    choice = plan_live(shared_codec(settings.model_path, settings.device), settings.num_streams)
    print_message(choice.describe())
    chosen = choice.chosen
    return replace(settings, plan=chosen.plan, lookahead_ms=ENCODING_LOOKAHEAD_MS, queue_chunks=chosen.queue_chunks)
