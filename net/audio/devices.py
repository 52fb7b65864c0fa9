"""Audio devices: which there are, and streams from and to them.

sounddevice (PortAudio) is imported on first use, so that everything else works on a machine without PortAudio. A
stream passes its blocks to a callback, which must only copy. PortAudio's own callback thread loses wake-ups of ALSA's
PulseAudio and PipeWire plugins, after which it never calls again; on ALSA a thread of ours polls the device instead.

How late a device is, is measured where PortAudio calls: from the times of the converter and of the call that come with
each block, as far as they make sense. Polled devices have no such times: there it is the length of the buffer that
PortAudio reports (an output's is kept full; an input's is emptied at once, so that much is the most). It is assumed,
two constants, of sound servers behind ALSA, whose own buffers PortAudio does not see.
"""

import enum
import logging
import os
import statistics
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from net.errors import AudioDeviceError
from net.runtime.clock import SYSTEM_CLOCK, Clock

logger = logging.getLogger(__name__)

Frames: TypeAlias = npt.NDArray[np.float32]
"""Sound of a device, float32 `[frame, channel]`."""

OnBlock: TypeAlias = Callable[[Frames], None]
"""Takes what was recorded, or fills in what is to be played."""

POLLED_HOST_API = "ALSA"
POLL_S = 0.005
JOIN_S = 2.0
PULSE_LATENCY_MSEC = "40"
"""PulseAudio's client library asks for so little latency only where the environment says so."""
SOUND_SERVER_NAMES = ("default", "pulse", "pipewire")
MOST_CHANNELS = 2
MOST_LATENCY_S = 1.0
"""Times that say more are taken for wrong: some drivers give zeros, or another clock's."""
TIMED_BLOCKS = 50
"""The measured latency is the median over so many blocks."""
COMMON_RATES = (8000, 16000, 22050, 32000, 44100, 48000, 96000)

INSTALL_ADVICE = (
    "PortAudio is not installed, which microphones and playback need: "
    "sudo apt install libportaudio2 (Debian, Ubuntu), brew install portaudio (macOS)"
)


class Direction(enum.StrEnum):
    """Which way sound goes: from an input, or to an output."""

    INPUT = "input"
    OUTPUT = "output"


INPUT_LATENCY_S = 0.08
OUTPUT_LATENCY_S = 0.06
SERVER_LATENCY_S = {Direction.INPUT: 0.01, Direction.OUTPUT: 0.03}
"""Assumed of PulseAudio and PipeWire: what recordings of a server's own monitors showed, to a few ms."""


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

    def channels(self, direction: Direction) -> int:
        """How many channels a stream uses: at most two, 0 where the device has none of that direction."""
        return min(MOST_CHANNELS, self.input_channels if direction is Direction.INPUT else self.output_channels)

    def is_default(self, direction: Direction) -> bool:
        """Whether the system prefers this device."""
        return self.is_default_input if direction is Direction.INPUT else self.is_default_output


class DeviceStream:
    """A started stream of sounddevice. Its callback runs in a thread of the stream until `close` returns."""

    def __init__(self, stream: Any, latency_s: float | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.rate, self.channels = int(stream.samplerate), int(stream.channels)
        self.latency_s = float(stream.latency) if latency_s is None else latency_s
        """Time between a sample's callback and the device's membrane: measured, reported or assumed."""
        self.glitches = 0
        """How often the device had nothing to play, or no room for what it heard: this machine came too late."""
        self.closed = False
        try:
            stream.start()
        except BaseException:
            stream.close()
            raise

    @property
    def failed(self) -> bool:
        """Whether the stream has ended by itself: the device is gone."""
        return not self._stream.active

    def close(self) -> None:
        """Stop the callback and give the device back; calling it twice does nothing."""
        with self._lock:
            if not self.closed:
                self._stream.close()
                self.closed = True


class _CallbackStream(DeviceStream):
    """PortAudio's own thread calls."""

    def __init__(self, make_stream: Callable[..., Any], direction: Direction, callback: OnBlock) -> None:
        self._callback, self._is_output = callback, direction is Direction.OUTPUT
        self._latencies_s: list[float] = []
        super().__init__(make_stream(callback=self._on_block))

    def _on_block(self, data: Frames, _frames: int, times: Any, status: Any) -> None:
        self._callback(data)
        if times is not None:
            self._measure_latency(
                times.currentTime, times.outputBufferDacTime if self._is_output else times.inputBufferAdcTime
            )
        self.glitches += bool(status and (status.output_underflow or status.input_overflow))

    def _measure_latency(self, now_s: float, converter_s: float) -> None:
        """Average how far the times of the converter are from those of the calls, as far as they can be true."""
        latency_s = converter_s - now_s if self._is_output else now_s - converter_s
        if now_s > 0 and converter_s > 0 and 0 <= latency_s <= MOST_LATENCY_S:
            self._latencies_s.append(latency_s)
        if len(self._latencies_s) == TIMED_BLOCKS:
            self.latency_s = statistics.median(self._latencies_s)
            self._latencies_s.clear()


class _PolledStream(DeviceStream):
    """A thread of ours asks the device every 5 ms what it has, or takes."""

    def __init__(self, stream: Any, device: AudioDevice, direction: Direction, callback: OnBlock, clock: Clock) -> None:
        super().__init__(stream, SERVER_LATENCY_S[direction] if device.name in SOUND_SERVER_NAMES else None)
        self._callback, self._clock = callback, clock
        self._closing = threading.Event()
        self._step = self._read if direction is Direction.INPUT else self._write
        self._thread = threading.Thread(target=self._poll, name=f"audio-{direction}", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> bool:
        return not self._thread.is_alive()

    def close(self) -> None:
        """End the thread, then give the device back."""
        self._closing.set()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)
        super().close()

    def _poll(self) -> None:
        try:
            while not self._clock.wait(self._closing, POLL_S):
                self._step()
        except Exception as error:  # the thread's top level: sounddevice's errors are known only once it is imported
            logger.warning("an audio device has failed: %s", error, exc_info=True)

    def _read(self) -> None:
        if frames := self._stream.read_available:
            block, overflowed = self._stream.read(frames)
            self.glitches += bool(overflowed)
            self._callback(block)

    def _write(self) -> None:
        if frames := self._stream.write_available:
            block = np.zeros((frames, self.channels), np.float32)
            self._callback(block)
            self.glitches += bool(self._stream.write(block))


class AudioSystem:
    """The machine's audio devices. `module` stands in for sounddevice in tests.

    Methods raise `AudioDeviceError`: PortAudio is missing, or the device is absent, busy or of another kind.
    """

    def __init__(self, module: Any = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._module, self._clock = module, clock
        self._opening = threading.Lock()
        """PortAudio opens one stream at a time. A driver may hang in it: closing and listing never take this lock."""
        self._streams: list[DeviceStream] = []

    def devices(self, *, with_rates: bool = False) -> tuple[AudioDevice, ...]:
        """All devices; asking each for its rates takes a while."""
        sd = self._sounddevice()
        try:
            host_apis = sd.query_hostapis()
            found = [_device(raw, host_apis) for raw in sd.query_devices()]
        except sd.PortAudioError as error:
            raise AudioDeviceError(f"the audio devices cannot be listed: {error}") from error
        return tuple(self._with_rates(device) if with_rates else device for device in found)

    def find(self, direction: Direction, wanted: str | None = None) -> AudioDevice:
        """The device with that index or name (part of a name will do), or the default one."""
        devices = [device for device in self.devices() if device.channels(direction)]
        if not devices:
            raise AudioDeviceError(f"this machine has no audio {direction}: plug one in, or start the sound server")
        if wanted is None:
            return next((device for device in devices if device.is_default(direction)), devices[0])
        matches = _matches(devices, wanted)
        if len(matches) == 1:
            return matches[0]
        known = ", ".join(f"{device.index} {device.name!r}" for device in matches or devices)
        if matches:
            raise AudioDeviceError(
                f"{len(matches)} audio {direction}s are called {wanted!r}: choose by number among {known}"
            )
        raise AudioDeviceError(f"there is no audio {direction} {wanted!r}: choose among {known}")

    def open(self, direction: Direction, device: AudioDevice, callback: OnBlock) -> DeviceStream:
        """Record from, or play on, a device at its own rate, in at most two channels."""
        sd = self._sounddevice()
        make_stream = partial(
            sd.InputStream if direction is Direction.INPUT else sd.OutputStream,
            device=device.index,
            samplerate=device.default_rate,
            channels=device.channels(direction),
            dtype="float32",
            latency=INPUT_LATENCY_S if direction is Direction.INPUT else OUTPUT_LATENCY_S,
        )
        with self._opening:
            try:
                if device.host_api == POLLED_HOST_API:
                    stream: DeviceStream = _PolledStream(make_stream(), device, direction, callback, self._clock)
                else:
                    stream = _CallbackStream(make_stream, direction, callback)
            except (sd.PortAudioError, ValueError) as error:
                raise AudioDeviceError(f"the device {device.name!r} cannot be opened: {error}") from error
            self._streams = [*self._open_streams(), stream]
            return stream

    def refresh(self) -> None:
        """Restart PortAudio, which sees devices plugged in since only then; does nothing while a stream is open."""
        sd = self._sounddevice()
        with self._opening:
            if self._open_streams():
                return
            try:
                sd._terminate()
                sd._initialize()
            except sd.PortAudioError as error:
                raise AudioDeviceError(f"the audio system does not start: {error}") from error

    def _open_streams(self) -> list[DeviceStream]:
        return [stream for stream in self._streams if not stream.closed]

    def _with_rates(self, device: AudioDevice) -> AudioDevice:
        sd = self._sounddevice()
        check = sd.check_input_settings if device.input_channels else sd.check_output_settings

        def takes(rate: int) -> bool:
            try:
                check(device=device.index, samplerate=rate, dtype="float32")
            except (sd.PortAudioError, ValueError):
                return False
            return True

        return replace(device, rates=tuple(filter(takes, COMMON_RATES)))

    def _sounddevice(self) -> Any:
        if self._module is None:
            os.environ.setdefault("PULSE_LATENCY_MSEC", PULSE_LATENCY_MSEC)
            try:
                import sounddevice  # noqa: PLC0415 - fails where PortAudio is missing
            except (OSError, ImportError) as error:
                raise AudioDeviceError(INSTALL_ADVICE) from error
            self._module = sounddevice
        return self._module


SYSTEM_AUDIO = AudioSystem()
"""The machine's own; shared, so that PortAudio is never restarted under an open stream."""


def _device(raw: dict[str, Any], host_apis: Sequence[dict[str, Any]]) -> AudioDevice:
    default = host_apis[0]
    inputs, outputs = raw["max_input_channels"], raw["max_output_channels"]
    return AudioDevice(
        index=raw["index"],
        name=raw["name"],
        host_api=host_apis[raw["hostapi"]]["name"],
        input_channels=inputs,
        output_channels=outputs,
        default_rate=int(raw["default_samplerate"]),
        is_default_input=inputs > 0 and raw["index"] == default["default_input_device"],
        is_default_output=outputs > 0 and raw["index"] == default["default_output_device"],
    )


def _matches(devices: Sequence[AudioDevice], wanted: str) -> list[AudioDevice]:
    """Devices with that number, or with that name, or else with that text in their name."""
    if wanted.isdecimal():
        return [device for device in devices if device.index == int(wanted)]
    exact = [device for device in devices if device.name == wanted]
    return exact or [device for device in devices if wanted.lower() in device.name.lower()]
