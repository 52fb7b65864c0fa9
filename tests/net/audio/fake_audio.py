"""A stand-in for sounddevice: its streams call their callbacks, or give and take frames, when a test says so."""

import threading
from typing import Any

import numpy as np


class PortAudioError(Exception):
    pass


class FakeStream:
    """An input or output stream of the fake module, driven by `deliver`, `demand` and `unplug`."""

    def __init__(self, module: "FakeSounddevice", kind: str, **options: Any) -> None:
        if module.busy:
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        if module.hang is not None:
            module.hanging = True
            module.hang.wait(30)
        self._module = module
        self.kind, self.options = kind, options
        self.samplerate, self.channels = options["samplerate"], options["channels"]
        self.latency = 0.01
        self.active = self.closed = False
        self.broken = False
        self.available = 0
        self.glitch = False
        self.played: list[np.ndarray] = []
        self._recorded: list[np.ndarray] = []
        module.streams.append(self)

    def start(self) -> None:
        if self._module.stuck:
            raise PortAudioError("Unanticipated host error [PaErrorCode -9999]")
        self.active = True

    def close(self) -> None:
        self.active, self.closed = False, True

    def unplug(self) -> None:
        """The device is gone."""
        self.active, self.broken = False, True

    def deliver(self, frames: np.ndarray) -> None:
        """The device has recorded `[frame, channel]`."""
        if callback := self.options.get("callback"):
            callback(frames.astype(np.float32), len(frames), None, None)
        else:
            self._recorded.append(frames.astype(np.float32))

    def demand(self, frames: int) -> np.ndarray:
        """The device wants sound: what its callback fills in."""
        block = np.full((frames, self.channels), np.nan, np.float32)
        self.options["callback"](block, frames, None, None)
        self.played.append(block)
        return block

    # The blocking interface, which polled streams use.

    @property
    def read_available(self) -> int:
        self._check()
        return sum(map(len, self._recorded))

    def read(self, frames: int) -> tuple[np.ndarray, bool]:
        self._check()
        recorded, self._recorded = np.concatenate(self._recorded), []
        assert len(recorded) >= frames
        return recorded, self._take_glitch()

    @property
    def write_available(self) -> int:
        self._check()
        return self.available

    def write(self, frames: np.ndarray) -> bool:
        self._check()
        self.available -= len(frames)
        self.played.append(frames.copy())
        return self._take_glitch()

    def _take_glitch(self) -> bool:
        """Whether the device ran dry, or over, since the last time."""
        glitch, self.glitch = self.glitch, False
        return glitch

    def _check(self) -> None:
        if self.broken:
            raise PortAudioError("Unanticipated host error [PaErrorCode -9999]")


class FakeSounddevice:
    """What `net.audio.devices` uses of sounddevice: two microphones and two speakers."""

    PortAudioError = PortAudioError

    def __init__(self, host_api: str = "Core Audio") -> None:
        self.busy = self.stuck = self.hanging = False
        self.hang: threading.Event | None = None
        """Where given, opening waits for it."""
        self.streams: list[FakeStream] = []
        self.initialized = 0
        self.host_api = host_api
        self.table = [
            {"name": "Built-in Microphone", "max_input_channels": 2, "max_output_channels": 0, "rate": 48000.0},
            {"name": "Built-in Output", "max_input_channels": 0, "max_output_channels": 2, "rate": 48000.0},
            {"name": "USB Headset", "max_input_channels": 1, "max_output_channels": 2, "rate": 44100.0},
        ]

    def query_hostapis(self) -> tuple[dict[str, Any], ...]:
        return ({"name": self.host_api, "default_input_device": 0, "default_output_device": 1},)

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {**row, "index": index, "hostapi": 0, "default_samplerate": row["rate"]}
            for index, row in enumerate(self.table)
        ]

    def check_input_settings(self, device: int, samplerate: int, dtype: str) -> None:  # noqa: ARG002
        if samplerate != self.table[device]["rate"]:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    check_output_settings = check_input_settings

    def InputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - sounddevice's name
        return FakeStream(self, "input", **options)

    def OutputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - sounddevice's name
        return FakeStream(self, "output", **options)

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.initialized += 1

    def open_stream(self) -> FakeStream | None:
        """The newest stream, if it is open."""
        return self.streams[-1] if self.streams and not self.streams[-1].closed else None
