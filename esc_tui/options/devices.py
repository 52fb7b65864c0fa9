"""The audio devices that an option may name."""

import click

INPUT, OUTPUT = "mic_device", "output_device"
"""The parameters that take a device."""


def device_names(parameter: str | None) -> tuple[str, ...]:
    """Return the names of the devices that fit the parameter; none for another one, or without PortAudio."""
    if parameter not in (INPUT, OUTPUT):
        return ()
    from net.audio.devices import SYSTEM_AUDIO, Direction  # noqa: PLC0415 - not needed to show the help
    from net.errors import AudioDeviceError  # noqa: PLC0415 - likewise

    try:
        devices = SYSTEM_AUDIO.devices()
    except AudioDeviceError:
        return ()
    direction = Direction.INPUT if parameter == INPUT else Direction.OUTPUT
    return tuple(device.name for device in devices if device.channels(direction))


def complete_device(_context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the devices whose names begin with what a person has typed in a shell."""
    names = device_names(parameter.name)
    return [name for name in names if name.lower().startswith(incomplete.lower())]
