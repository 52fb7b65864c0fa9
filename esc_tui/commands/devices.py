"""`esc-tui devices`: which microphones and speakers there are."""

import click
from rich.console import Console
from rich.table import Table

from esc_tui.errors import ExitCode
from esc_tui.plain.output import print_json
from net.audio.devices import SYSTEM_AUDIO, AudioDevice


@click.command("devices")
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output.")
def command(*, as_json: bool) -> ExitCode:
    """List audio inputs and outputs.

    The numbers and names are what --mic-device and --output-device take; part of a name will do.
    """
    print_devices(as_json=as_json)
    return ExitCode.DONE


def print_devices(*, as_json: bool) -> None:
    """Print all devices. Raises `AudioDeviceError` where PortAudio is missing."""
    devices = SYSTEM_AUDIO.devices(with_rates=True)
    if as_json:
        print_json(devices)
    elif devices:
        Console(highlight=False).print(_table(devices))
    else:
        print("no audio devices were found: is a sound server running?")


def _table(devices: tuple[AudioDevice, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "name", "system", "in", "out", "default for", "rates in Hz (default first)"):
        table.add_column(heading)
    for device in devices:
        defaults = ("input", device.is_default_input), ("output", device.is_default_output)
        rates = [device.default_rate, *(rate for rate in device.rates if rate != device.default_rate)]
        table.add_row(
            str(device.index),
            device.name,
            device.host_api,
            str(device.input_channels),
            str(device.output_channels),
            ", ".join(kind for kind, holds in defaults if holds),
            " ".join(map(str, rates)),
        )
    return table
