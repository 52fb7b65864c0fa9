"""The microphone as a source: callback → ring → mono → the model's rate, recorded as it comes where that is wanted."""

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from codec.errors import AudioFileError
from codec.sound.resampling import LiveResampler
from codec.sound.wav import WavWriter
from codec.types import Audio
from net.audio.devices import STALLED_S, AudioDevice, AudioSystem, DeviceStream, Frames
from net.audio.ring import FrameRing
from net.errors import AudioDeviceError
from net.runtime.clock import Clock
from net.sender.sources import SourceBlock
from net.telemetry.events import EventLog

POLL_S = 0.02
RING_S = 2.0
LAG_S = 0.3
"""A device that is so far behind the clock has lost sound; silence takes its place, and then comes steadily."""
SILENCE_LAG_S = 0.04
RETRY_S = 1.0
CREEP = 1e-3
"""How fast the capture clock follows a device that runs slow: 1 ms a second."""


class CaptureClock:
    """Tells when a sample was captured, from when samples arrive: the promptest arrival counts, delays do not."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._origin_s: float | None = None
        self._arrived_s = 0.0

    def lag_s(self, position: int, now_s: float) -> float:
        """How long ago the sample at `position` was due."""
        return 0.0 if self._origin_s is None else now_s - self._origin_s - position / self._rate

    def stamp(self, position: int, arrived_s: float) -> float:
        """The capture time of the sample before `position`, which arrived just now."""
        origin_s = arrived_s - position / self._rate
        if self._origin_s is None or origin_s < self._origin_s:
            self._origin_s = origin_s
        else:
            creep_s = (arrived_s - self._arrived_s) * CREEP
            self._origin_s = min(origin_s, self._origin_s + creep_s)
        self._arrived_s = arrived_s
        return self._origin_s + position / self._rate


class MicrophoneSource:
    """A `Source` that never ends by itself. Raises `AudioDeviceError` from `open` where the device cannot be had.

    A device that is lost later is an event: silence goes out in its place, at the right time, until it is back.
    """

    live = True
    total_samples: int | None = None

    def __init__(
        self,
        audio_system: AudioSystem,
        wanted_device: str | None,
        sample_rate: int,
        *,
        clock: Clock,
        events: EventLog,
        save_path: Path | None = None,
    ) -> None:
        self._system, self._wanted, self._model_rate = audio_system, wanted_device, sample_rate
        self._clock, self._events, self._save_path = clock, events, save_path
        self._device: AudioDevice | None = None
        self._stream: DeviceStream | None = None
        self._recording: WavWriter | None = None
        self._recorded_format = (0, 0)
        self._ring = FrameRing(1, 1)
        self._complained = ""
        self._glitches = 0
        self._retry_s = self._delivered_s = 0.0
        self._frames_seen = self._reported_dropped = 0
        self._silence_s = self._latency_s = 0.0
        self._channels = 1
        self.lost = False
        """Whether the device is gone, and silence stands for what it should give."""
        self.recordings: list[Path] = []
        """The files with the raw recording: one, or one more for each time that the device changed its format."""

    @property
    def name(self) -> str:
        """What is streamed, for people: a device's name alone, such as "default", would not tell."""
        device = self._device.name if self._device else self._wanted or ""
        return device if "mic" in device.casefold() else f"microphone {device}".rstrip()

    def open(self) -> None:
        """Start to record."""
        self._open()

    def blocks(self, stopping: threading.Event) -> Iterator[SourceBlock]:
        """Sound as it is captured, until `stopping`."""
        while not stopping.is_set():
            yield from self._blocks_of_one_rate(stopping)

    def skip(self, samples: int) -> None:
        """What was spoken cannot be spoken again: nothing is skipped."""

    def delay(self, pause_s: float) -> None:
        """A microphone is read on during a pause: nothing is still to come."""

    def close(self) -> None:
        """Give the device back and close the recording; calling it twice does nothing."""
        self._close_stream()
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()

    def _blocks_of_one_rate(self, stopping: threading.Event) -> Iterator[SourceBlock]:
        device = self._device
        assert device is not None
        rate = device.default_rate
        resampler = LiveResampler(rate, self._model_rate)
        clock = CaptureClock(rate)
        position = given = 0
        self._ring.read()  # what came before somebody listened is of the past
        self._reported_dropped = self._ring.dropped_frames
        while not self._clock.wait(stopping, POLL_S):
            self._mind_device()
            if self._device is not None and self._device.default_rate != rate:
                return
            self._latency_s = self._stream.latency_s if self._stream else self._latency_s
            now_s = self._clock.epoch_s() - self._latency_s
            frames = self._take(clock, position, now_s, rate)
            if not len(frames):
                continue
            self._record(frames)
            position += len(frames)
            captured_s = clock.stamp(position, now_s)
            audio = resampler.push(_mono(frames))
            given += len(audio)
            if len(audio):
                pending_s = position / rate - given / self._model_rate
                yield SourceBlock(audio, captured_s - pending_s)

    def _take(self, clock: CaptureClock, position: int, now_s: float, rate: int) -> Frames:
        """What the device gave, or silence for what it should have given."""
        frames = self._ring.read()
        if self._ring.dropped_frames > self._reported_dropped:
            lost = self._ring.dropped_frames - self._reported_dropped
            self._reported_dropped = self._ring.dropped_frames
            self._events.warning(f"{lost * 1000 / rate:.0f} ms from the microphone were dropped: too busy to read")
        lag_s = clock.lag_s(position, now_s)
        if not len(frames) and lag_s > (SILENCE_LAG_S if self._silence_s else LAG_S):
            self._silence_s += lag_s
            frames = np.zeros((round(lag_s * rate), self._channels), np.float32)
        elif len(frames) and self._silence_s:
            self._events.warning(f"{self._silence_s:.1f} s of silence were sent while the microphone gave nothing")
            self._silence_s = 0.0
        return frames

    def _mind_device(self) -> None:
        now_s = self._clock.monotonic_s()
        stream = self._stream
        if stream is None:
            if now_s >= self._retry_s:
                self._retry(now_s)
            return
        if self._ring.written_frames != self._frames_seen:
            self._frames_seen, self._delivered_s = self._ring.written_frames, now_s
        if stream.glitches > self._glitches:
            self._events.warning("the microphone's buffer ran over, and sound was lost: this machine is too busy")
        self._glitches = stream.glitches
        if stream.failed:
            self._lose("is gone")
        elif now_s - self._delivered_s > STALLED_S:
            self._lose(f"has given no sound for {STALLED_S:g} s")

    def _lose(self, what: str) -> None:
        assert self._device is not None
        self.lost = True
        self._complained = f"the microphone {self._device.name} {what}"
        self._events.warning(f"{self._complained}: sending silence, trying again")
        self._close_stream()
        self._retry_s = self._clock.monotonic_s()

    def _retry(self, now_s: float) -> None:
        self._retry_s = now_s + RETRY_S
        try:
            self._system.refresh()
            self._open()
        except AudioDeviceError as error:
            if str(error) != self._complained:
                self._events.warning(f"cannot record: {error}; trying again")
            self._complained = str(error)

    def _open(self) -> None:
        device = self._system.find_input(self._wanted)
        channels = min(2, device.input_channels)
        ring = FrameRing(int(RING_S * device.default_rate), channels)
        stream = self._system.open_input(device, ring.write)
        again = self._device is not None
        if self._recording is not None and self._recorded_format != (device.default_rate, channels):
            self._recording.close()
            self._recording = None
        self._device, self._stream, self._ring = device, stream, ring
        self._latency_s, self._channels = stream.latency_s, channels
        self._frames_seen = self._reported_dropped = 0
        self._delivered_s = self._clock.monotonic_s()
        self._glitches = 0
        self.lost = False
        if self._save_path is not None and self._recording is None:
            self._recording = self._start_recording(self._save_path, device.default_rate, channels)
        verb = "recording again" if again else "recording"
        self._events.info(f"{verb} from {device.name} at {stream.rate} Hz, {channels} channel{'s' * (channels > 1)}")

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _start_recording(self, save_path: Path, rate: int, channels: int) -> WavWriter:
        writer = WavWriter(_recording_path(save_path, self._clock.epoch_s(), taken=self.recordings), rate, channels)
        self._recorded_format = (rate, channels)
        self.recordings.append(writer.path)
        return writer

    def _record(self, frames: Frames) -> None:
        if self._recording is None:
            return
        try:
            self._recording.write(frames)
        except AudioFileError as error:
            self._events.error(f"the recording ends here: {error}")
            self._recording = self._save_path = None


def _mono(frames: Frames) -> Audio:
    mono: Audio = np.nan_to_num(frames.mean(axis=1, dtype=np.float32))
    return mono


def _recording_path(save_path: Path, epoch_s: float, taken: list[Path]) -> Path:
    """A file as named, or one in a folder with the time in its name; never one that this source wrote before."""
    if save_path.suffix.lower() != ".wav":
        save_path = save_path / f"microphone_recording_{datetime.fromtimestamp(epoch_s):%Y%m%d_%H%M%S}.wav"
    if not taken:
        return save_path
    return save_path.with_stem(f"{taken[0].stem}_{len(taken) + 1}")
