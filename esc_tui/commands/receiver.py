"""`esc-tui receiver`: receive streams, decode, save and play them."""

from dataclasses import replace
from typing import Any

import click

from esc_tui.errors import ExitCode
from esc_tui.options.command import Display, SettingsCommand, Values, build, display_options
from esc_tui.options.receiver import receiver_options, receiver_settings
from esc_tui.run import run_engines, serving_metrics
from esc_tui.terminal import print_on_standard_error
from net.settings import STANDARD_STREAM
from net.transport.security.trust_questions import TrustQuestions


def check_files(values: Values) -> None:
    """Raise the `EscError` that keeps the receiver from starting, but for a port that is taken."""
    from net.receiver.engine import Receiver  # noqa: PLC0415 - not needed to show the help

    Receiver(receiver_settings(values)).check()


@click.command("receiver", cls=SettingsCommand, make_settings=receiver_settings, check_files=check_files)
@receiver_options
@display_options
def command(**values: Any) -> ExitCode:
    """Receive streams, decode, save and play them.

    Serves several senders at once, each with files of its own, until it is stopped. Only one at a time has the pipe
    of --output, from its beginning to its end; whoever comes meanwhile is only saved. A program that reads no more
    ends the receiver in order.
    """
    settings, display = receiver_settings(values), build(Display, values)
    from net.receiver.engine import Receiver  # noqa: PLC0415 - not needed to show the help

    questions = TrustQuestions()
    receiver = Receiver(settings, questions=questions)
    with serving_metrics([receiver], settings.metrics):
        receiver.listen()  # here, so that an error is printed and not shown in a console
        if settings.output == STANDARD_STREAM:
            print_on_standard_error()  # the receiver has its own descriptor of standard output
            display = replace(display, headless=True)
        return run_engines([receiver], display, "receiver", questions)
