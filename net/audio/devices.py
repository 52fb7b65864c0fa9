"""Audio devices: which there are, and streams from and to them.

sounddevice (PortAudio) is imported on first use, so that everything else works on a machine without PortAudio. A
stream hands its blocks to a callback, which must only copy. PortAudio's own callback thread loses wake-ups of ALSA's
PulseAudio and PipeWire plugins, after which it never calls again; on ALSA a thread of ours polls the device instead.

How late a device is, is measured where PortAudio calls: from the times of the converter and of the call that come with
each block, as far as they make sense. Polled devices have no such times: there it is the length of the buffer that
PortAudio reports (an output's is kept full; an input's is emptied at once, so that much is the most). It is assumed,
two constants, of sound servers behind ALSA, whose own buffers PortAudio does not see.
"""

import os
import statistics
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from net.errors import AudioDeviceError
from net.runtime.clock import SYSTEM_CLOCK, Clock

Frames: TypeAlias = npt.NDArray[np.float32]
"""Sound of a device, float32 `[frame, channel]`."""

OnInput: TypeAlias = Callable[[Frames], None]
OnOutput: TypeAlias = Callable[[Frames], None]
"""Fills what it is given."""

POLLED_HOST_API = "ALSA"
POLL_S = 0.005
JOIN_S = 2.0
STALLED_S = 2.5
"""A device that gives or takes nothing for so long is lost. PulseAudio's null sink sleeps for 2 s before it begins, and
again where nobody records its monitor; its own programs wait just as long."""
INPUT_LATENCY_S = 0.08
OUTPUT_LATENCY_S = 0.06
PULSE_LATENCY_MSEC = "40"
"""PulseAudio's client library asks for so little latency only where the environment says so."""
SOUND_SERVER_NAMES = ("default", "pulse", "pipewire")
SERVER_INPUT_LATENCY_S = 0.01
SERVER_OUTPUT_LATENCY_S = 0.03
"""Assumed of PulseAudio and PipeWire: what recordings of a server's own monitors showed, to a few ms."""
MOST_LATENCY_S = 1.0
"""Times that say more are taken for wrong: some drivers give zeros, or another clock's."""
TIMED_BLOCKS = 50
"""The measured latency is the median over so many blocks."""
COMMON_RATES = (8000, 16000, 22050, 32000, 44100, 48000, 96000)

INSTALL_ADVICE = (
    "PortAudio is not installed, which microphones and playback need: "
    "sudo apt install libportaudio2 (Debian, Ubuntu), brew install portaudio (macOS)"
)


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """One device as PortAudio numbers it. `rates` are the common rates that it takes, in Hz."""

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    default_rate: int
    is_default_input: bool = False
    is_default_output: bool = False
    rates: tuple[int, ...] = ()


class DeviceStream(Protocol):
    """An open stream. Its callback runs in a thread of the stream until `close` returns."""

    rate: int
    channels: int
    latency_s: float
    """Time between a sample's callback and the device's membrane: measured, reported or assumed."""

    glitches: int
    """How often the device had nothing to play, or no room for what it heard: this machine came too late."""

    @property
    def failed(self) -> bool:
        """Whether the stream has ended by itself: the device is gone."""
        ...

    def close(self) -> None:
        """Stop the callback and give the device back; calling it twice does nothing."""
        ...


class AudioSystem:
    """The machine's audio devices. `module` stands in for sounddevice in tests.

    Methods raise `AudioDeviceError`: PortAudio is missing, or the device is absent, busy or of another kind.
    """

    def __init__(self, module: Any = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._module: Any = module
        self._clock = clock
        self._lock = threading.Lock()
        self._open_streams = 0

    def devices(self, *, with_rates: bool = False) -> tuple[AudioDevice, ...]:
        """All devices; asking each for its rates takes a while."""
        sd = self._sounddevice()
        try:
            host_apis = sd.query_hostapis()
            found = [_device(raw, host_apis) for raw in sd.query_devices()]
        except sd.PortAudioError as error:
            raise AudioDeviceError(f"the audio devices cannot be listed: {error}") from error
        if with_rates:
            found = [self._with_rates(device) for device in found]
        return tuple(found)

    def find_input(self, wanted: str | None = None) -> AudioDevice:
        """The input with that index or name (part of a name will do), or the default one."""
        inputs = [device for device in self.devices() if device.input_channels]
        return _choose(inputs, wanted, "input", lambda device: device.is_default_input)

    def find_output(self, wanted: str | None = None) -> AudioDevice:
        """The output with that index or name (part of a name will do), or the default one."""
        outputs = [device for device in self.devices() if device.output_channels]
        return _choose(outputs, wanted, "output", lambda device: device.is_default_output)

    def open_input(self, device: AudioDevice, on_input: OnInput) -> DeviceStream:
        """Record from a device at its own rate, in at most two channels."""
        channels = min(2, device.input_channels)
        return self._open("InputStream", device, channels, INPUT_LATENCY_S, on_input)

    def open_output(self, device: AudioDevice, on_output: OnOutput) -> DeviceStream:
        """Play on a device at its own rate, in at most two channels."""
        channels = min(2, device.output_channels)
        return self._open("OutputStream", device, channels, OUTPUT_LATENCY_S, on_output)

    def refresh(self) -> None:
        """Have PortAudio look for devices anew, as long as no stream is open: it sees plugged devices only then."""
        sd = self._sounddevice()
        with self._lock:
            if self._open_streams:
                return
            try:
                sd._terminate()
                sd._initialize()
            except sd.PortAudioError as error:
                raise AudioDeviceError(f"the audio system does not start: {error}") from error

    def _open(
        self, kind: str, device: AudioDevice, channels: int, latency_s: float, callback: Callable[[Frames], None]
    ) -> DeviceStream:
        sd = self._sounddevice()
        polled = device.host_api == POLLED_HOST_API
        options = {
            "device": device.index,
            "samplerate": device.default_rate,
            "channels": channels,
            "dtype": "float32",
            "latency": latency_s,
        }
        with self._lock:
            try:
                if polled:
                    stream: _Stream = _PolledStream(getattr(sd, kind)(**options), kind, callback, self._clock, sd)
                else:
                    stream = _CallbackStream(lambda **extra: getattr(sd, kind)(**options, **extra), kind, callback)
                stream.start()
            except (sd.PortAudioError, ValueError) as error:
                raise AudioDeviceError(f"the device {device.name!r} cannot be opened: {error}") from error
            self._open_streams += 1
        if polled and device.name in SOUND_SERVER_NAMES:
            stream.latency_s = SERVER_INPUT_LATENCY_S if kind == "InputStream" else SERVER_OUTPUT_LATENCY_S
        stream.on_close = self._count_closed
        return stream

    def _count_closed(self) -> None:
        with self._lock:
            self._open_streams -= 1

    def _with_rates(self, device: AudioDevice) -> AudioDevice:
        sd = self._sounddevice()
        check = sd.check_input_settings if device.input_channels else sd.check_output_settings
        rates = []
        for rate in COMMON_RATES:
            try:
                check(device=device.index, samplerate=rate, dtype="float32")
            except (sd.PortAudioError, ValueError):
                continue
            rates.append(rate)
        return AudioDevice(**{**{name: getattr(device, name) for name in device.__slots__}, "rates": tuple(rates)})

    def _sounddevice(self) -> Any:
        with self._lock:
            if self._module is None:
                self._module = _import_sounddevice()
            return self._module


SYSTEM_AUDIO = AudioSystem()
"""The machine's own; shared, so that nobody restarts PortAudio under another's open stream."""


def _import_sounddevice() -> ModuleType:
    os.environ.setdefault("PULSE_LATENCY_MSEC", PULSE_LATENCY_MSEC)
    try:
        import sounddevice  # noqa: PLC0415 - fails where PortAudio is missing
    except (OSError, ImportError) as error:
        raise AudioDeviceError(INSTALL_ADVICE) from error
    module: ModuleType = sounddevice
    return module


def _device(raw: dict[str, Any], host_apis: tuple[dict[str, Any], ...]) -> AudioDevice:
    default_inputs = {api["default_input_device"] for api in host_apis[:1]}
    default_outputs = {api["default_output_device"] for api in host_apis[:1]}
    return AudioDevice(
        index=raw["index"],
        name=raw["name"],
        host_api=host_apis[raw["hostapi"]]["name"],
        input_channels=raw["max_input_channels"],
        output_channels=raw["max_output_channels"],
        default_rate=int(raw["default_samplerate"]),
        is_default_input=raw["index"] in default_inputs and raw["max_input_channels"] > 0,
        is_default_output=raw["index"] in default_outputs and raw["max_output_channels"] > 0,
    )


def _choose(
    devices: list[AudioDevice], wanted: str | None, kind: str, is_default: Callable[[AudioDevice], bool]
) -> AudioDevice:
    if not devices:
        raise AudioDeviceError(f"this machine has no audio {kind}: plug one in, or start the sound server")
    if wanted is None:
        return next((device for device in devices if is_default(device)), devices[0])
    if wanted.isdecimal():
        matches = [device for device in devices if device.index == int(wanted)]
    else:
        matches = [device for device in devices if device.name == wanted] or [
            device for device in devices if wanted.lower() in device.name.lower()
        ]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(f"{device.index} {device.name!r}" for device in matches or devices)
    if matches:
        raise AudioDeviceError(f"{len(matches)} audio {kind}s are called {wanted!r}: choose by number among {known}")
    raise AudioDeviceError(f"there is no audio {kind} {wanted!r}: choose among {known}")


class _Stream:
    """What both kinds of stream share."""

    def __init__(self) -> None:
        self.on_close: Callable[[], None] | None = None
        self.glitches = 0
        self._stream: Any = None

    def _take_format(self) -> None:
        self.rate = int(self._stream.samplerate)
        self.channels = int(self._stream.channels)
        self.latency_s = float(self._stream.latency)

    def start(self) -> None:
        """Begin to call."""
        self._stream.start()

    @property
    def failed(self) -> bool:
        """Whether the stream has ended by itself."""
        return not self._stream.active

    def close(self) -> None:
        """Stop and give back."""
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            self._stream.close()
            on_close()


class _CallbackStream(_Stream):
    """PortAudio's own thread calls."""

    def __init__(self, open_stream: Callable[..., Any], kind: str, callback: Callable[[Frames], None]) -> None:
        super().__init__()

        def on_block(data: Frames, _frames: int, times: Any, status: Any) -> None:
            callback(data)
            self._time_block(times)
            self.glitches += bool(status and (status.output_underflow or status.input_overflow))

        self._latencies_s: deque[float] = deque(maxlen=TIMED_BLOCKS)
        self._is_output = kind == "OutputStream"
        self._stream = open_stream(callback=on_block)
        self._take_format()

    def _time_block(self, times: Any) -> None:
        """Take how far the block's time at the converter is from now."""
        if times is None:
            return
        at_converter_s = times.outputBufferDacTime if self._is_output else times.inputBufferAdcTime
        latency_s = abs(at_converter_s - times.currentTime)
        right_way = (at_converter_s >= times.currentTime) == self._is_output or latency_s == 0
        if at_converter_s > 0 and times.currentTime > 0 and right_way and latency_s <= MOST_LATENCY_S:
            self._latencies_s.append(latency_s)
            if len(self._latencies_s) == TIMED_BLOCKS:
                self.latency_s = statistics.median(self._latencies_s)
                self._latencies_s.clear()


class _PolledStream(_Stream):
    """A thread of ours asks the device every 5 ms what it has, or takes."""

    def __init__(self, stream: Any, kind: str, callback: Callable[[Frames], None], clock: Clock, sd: Any) -> None:
        super().__init__()
        self._stream, self._callback, self._clock = stream, callback, clock
        self._error: type[Exception] = sd.PortAudioError
        self._take_format()
        self._closing = threading.Event()
        self._broken = False
        self._step = self._read if kind == "InputStream" else self._write
        self._thread = threading.Thread(target=self._poll, name=f"audio-{kind[:-6].lower()}", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        super().start()
        self._thread.start()

    @property
    def failed(self) -> bool:
        """Whether a read or write has failed."""
        return self._broken

    def close(self) -> None:
        """End the thread, then give back."""
        self._closing.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)
        super().close()

    def _poll(self) -> None:
        try:
            while not self._clock.wait(self._closing, POLL_S):
                self._step()
        except self._error:
            self._broken = True

    def _read(self) -> None:
        frames = self._stream.read_available
        if frames:
            block, overflowed = self._stream.read(frames)
            self.glitches += bool(overflowed)
            self._callback(block)

    def _write(self) -> None:
        frames = self._stream.write_available
        if frames:
            block = np.zeros((frames, self.channels), np.float32)
            self._callback(block)
            self.glitches += bool(self._stream.write(block))
