"""`esc-tui demo`: both ends of a link in one terminal."""

from dataclasses import replace
from typing import Any

import click

from esc_tui.errors import ExitCode
from esc_tui.options.command import Display, SettingsCommand, Values, build, display_options
from esc_tui.options.demo import demo_options, demo_settings
from esc_tui.run import run_engines
from esc_tui.terminal import quiet_libraries


def check_files(values: Values) -> None:
    """Raise the `EscError` that keeps one of both ends from starting."""
    from net.receiver.engine import Receiver  # noqa: PLC0415 - not needed to show the help
    from net.sender.engine import Sender  # noqa: PLC0415 - likewise

    sending, receiving = demo_settings(values)
    Sender(sending).check()
    Receiver(receiving).check()


@click.command("demo", cls=SettingsCommand, make_settings=demo_settings, check_files=check_files)
@demo_options
@display_options
def command(**values: Any) -> ExitCode:
    """Show both ends of a link in one terminal, over a real loopback socket.

    Leaves the received sound, as one file and chunk by chunk, in the save path.
    """
    (sending, receiving), display = demo_settings(values), build(Display, values)
    from net.receiver.engine import Receiver  # noqa: PLC0415 - not needed to show the help
    from net.sender.engine import Sender  # noqa: PLC0415 - likewise

    with quiet_libraries():
        Sender(sending).check()
    receiver = Receiver(receiving)
    receiver.listen()
    sender = Sender(replace(sending, port=receiver.port))
    sender.on_failure(receiver.request_stop)  # nobody else will come
    return run_engines([sender, receiver], display, "demo · loopback")
