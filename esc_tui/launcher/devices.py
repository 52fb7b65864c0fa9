"""The audio devices that a form's field may name."""

from net.audio.devices import SYSTEM_AUDIO
from net.errors import AudioDeviceError

INPUT_FIELD, OUTPUT_FIELD = "mic_device", "output_device"


def device_names(field_name: str) -> tuple[str, ...]:
    """Return the names of the devices that fit the field; none for another field, or without PortAudio."""
    if field_name not in (INPUT_FIELD, OUTPUT_FIELD):
        return ()
    try:
        devices = SYSTEM_AUDIO.devices()
    except AudioDeviceError:
        return ()
    is_input = field_name == INPUT_FIELD
    return tuple(d.name for d in devices if (d.input_channels if is_input else d.output_channels))
