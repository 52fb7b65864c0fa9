"""The microphone as a source: callback → ring → mono → the model's rate; and its raw recording."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import numpy as np

from codec.errors import AudioFileError
from codec.sound.resampling import LiveResampler
from codec.sound.wav import WavWriter
from codec.types import Audio
from net.audio.devices import STALLED_S, AudioDevice, AudioSystem, Frames
from net.audio.ring import FrameRing
from net.errors import AudioDeviceError
from net.runtime.clock import Clock
from net.sender.sources import SourceBlock
from net.settings import MicrophoneSettings
from net.telemetry.stream_context import StreamContext

POLL_S = 0.02
RING_S = 2.0
LAG_S = 0.3
"""A device that is so far behind the clock has lost sound; silence takes its place, and then comes steadily."""
SILENCE_LAG_S = 0.04
RETRY_S = 1.0
CREEP = 1e-3
"""How fast the capture clock follows a device that runs slow: 1 ms a second."""


class CaptureClock:
    """Estimates when a sample was captured from when samples arrive: the promptest arrival counts, delays do not."""

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


class RawRecording:
    """The microphone's sound as it came, in one WAV file, and in one more each time that the device changes its format.

    Sound goes on where the recording cannot: the first file that cannot be opened raises `AudioFileError`, any later
    failure becomes an event and ends the recording.
    """

    def __init__(self, save_path: Path, context: StreamContext) -> None:
        self._save_path, self._clock, self._events = save_path, context.clock, context.events
        self._writer: WavWriter | None = None
        self._format: tuple[int, int] | None = None
        self._first_path: Path | None = None
        self._files = 0
        self._ended = False

    def begin(self, rate: int, channels: int) -> None:
        """Go on with the file, or with a new one where the format has changed."""
        if self._ended or self._format == (rate, channels):
            return
        try:
            self.close()
            self._writer = WavWriter(self._next_path(), rate, channels)
        except AudioFileError as error:
            if self._first_path is None:
                raise
            self._end(error)
            return
        self._format = rate, channels
        self._first_path = self._first_path or self._writer.path
        self._files += 1

    def write(self, frames: Frames) -> None:
        """Append frames."""
        if self._writer is None:
            return
        try:
            self._writer.write(frames)
        except AudioFileError as error:
            self._end(error)

    def close(self) -> None:
        """Close the file; calling it twice does nothing. Raises `AudioFileError`."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _end(self, error: AudioFileError) -> None:
        self._ended = True
        self._events.error(f"the recording ends here: {error}")
        with contextlib.suppress(AudioFileError):  # it says no more than the first error
            self.close()

    def _next_path(self) -> Path:
        """A file as named, or in a folder one with the time in its name; never one that was written before."""
        if self._first_path is not None:
            return self._first_path.with_stem(f"{self._first_path.stem}_{self._files + 1}")
        if self._save_path.suffix.lower() == ".wav":
            return self._save_path
        return (
            self._save_path / f"microphone_recording_{datetime.fromtimestamp(self._clock.epoch_s()):%Y%m%d_%H%M%S}.wav"
        )


class _Capture:
    """An open device that records into a ring."""

    def __init__(self, system: AudioSystem, device: AudioDevice, clock: Clock) -> None:
        self.device, self.rate = device, device.default_rate
        self.channels = min(2, device.input_channels)
        self.ring = FrameRing(int(RING_S * self.rate), self.channels)
        self.stream = system.open_input(device, self.ring.write)
        self._delivered_s = clock.monotonic_s()
        self._frames_seen = self._dropped_seen = self._glitches_seen = 0

    def fault(self, now_s: float) -> str:
        """What is wrong with the device; empty if nothing is."""
        if self.ring.written_frames != self._frames_seen:
            self._frames_seen, self._delivered_s = self.ring.written_frames, now_s
        if self.stream.failed:
            return "is gone"
        return f"has given no sound for {STALLED_S:g} s" if now_s - self._delivered_s > STALLED_S else ""

    def new_glitches(self) -> int:
        """How often the device ran over since the last call."""
        new, self._glitches_seen = self.stream.glitches - self._glitches_seen, self.stream.glitches
        return new

    def new_dropped_frames(self) -> int:
        """How many frames found no room in the ring since the last call."""
        dropped = self.ring.dropped_frames
        new, self._dropped_seen = dropped - self._dropped_seen, dropped
        return new


class MicrophoneSource:
    """A `Source` that records, and never ends by itself. Raises `AudioDeviceError` or `AudioFileError` at first.

    A device that is lost later is an event: silence goes out in its place, at the right time, until it is back.
    """

    live = True
    total_samples: int | None = None

    def __init__(
        self, audio_system: AudioSystem, settings: MicrophoneSettings, sample_rate: int, context: StreamContext
    ) -> None:
        self._system, self._wanted, self._model_rate = audio_system, settings.device, sample_rate
        self._clock, self._events = context.clock, context.events
        self._recording = RawRecording(settings.save_path, context) if settings.save_path else None
        self._complaint = ""
        self._retry_s = self._silence_s = 0.0
        self.lost = False
        """Whether the device is gone, and silence stands for what it should give."""
        self._capture = self._open("recording")

    @property
    def name(self) -> str:
        """What is streamed, for people: a device's name alone, such as "default", would not tell."""
        device = self._capture.device.name
        return device if "mic" in device.casefold() else f"microphone {device}".rstrip()

    def blocks(self, stopping: threading.Event) -> Iterator[SourceBlock]:
        """Sound as it is captured, until `stopping`."""
        while not stopping.is_set():
            yield from self._blocks_of_one_rate(stopping)

    def skip(self, samples: int) -> None:
        """What was spoken cannot be spoken again: nothing is skipped."""

    def delay(self, pause_s: float) -> None:
        """A microphone is read on during a pause: nothing is still to come."""

    def close(self) -> None:
        """Close the device and the recording; calling it twice does nothing."""
        with ExitStack() as stack:
            if self._recording is not None:
                stack.callback(self._recording.close)
            stack.callback(self._capture.stream.close)

    def _blocks_of_one_rate(self, stopping: threading.Event) -> Iterator[SourceBlock]:
        rate = self._capture.rate
        resampler = LiveResampler(rate, self._model_rate)
        clock = CaptureClock(rate)
        position = given = 0
        self._capture.ring.read()  # what came before somebody listened is of the past
        self._capture.new_dropped_frames()
        while not self._clock.wait(stopping, POLL_S):
            self._check_device()
            if self._capture.rate != rate:
                return
            now_s = self._clock.epoch_s() - self._capture.stream.latency_s
            frames = self._captured_or_silence(clock.lag_s(position, now_s))
            if not len(frames):
                continue
            if self._recording is not None:
                self._recording.write(frames)
            position += len(frames)
            captured_s = clock.stamp(position, now_s)
            audio = resampler.push(_mono(frames))
            given += len(audio)
            if len(audio):
                pending_s = position / rate - given / self._model_rate
                yield SourceBlock(audio, captured_s - pending_s)

    def _captured_or_silence(self, lag_s: float) -> Frames:
        """What the device gave, or silence for what it should have given, `lag_s` ago or less."""
        capture = self._capture
        frames = capture.ring.read()
        dropped = capture.new_dropped_frames()
        if dropped:
            self._events.warning(
                f"{dropped * 1000 / capture.rate:.0f} ms from the microphone were dropped: too busy to read"
            )
        if not len(frames) and lag_s > (SILENCE_LAG_S if self._silence_s else LAG_S):
            self._silence_s += lag_s
            frames = np.zeros((round(lag_s * capture.rate), capture.channels), np.float32)
        elif len(frames) and self._silence_s:
            self._events.warning(f"{self._silence_s:.1f} s of silence were sent while the microphone gave nothing")
            self._silence_s = 0.0
        return frames

    def _check_device(self) -> None:
        now_s = self._clock.monotonic_s()
        if self.lost:
            if now_s >= self._retry_s:
                self._retry(now_s)
            return
        if self._capture.new_glitches() > 0:
            self._events.warning("the microphone's buffer ran over, and sound was lost: this machine is too busy")
        fault = self._capture.fault(now_s)
        if fault:
            self.lost = True
            self._complaint = f"the microphone {self._capture.device.name} {fault}"
            self._events.warning(f"{self._complaint}: sending silence, trying again")
            self._capture.stream.close()
            self._retry_s = now_s

    def _retry(self, now_s: float) -> None:
        self._retry_s = now_s + RETRY_S
        try:
            self._system.refresh()
            self._capture = self._open("recording again")
            self.lost = False
        except AudioDeviceError as error:
            if str(error) != self._complaint:
                self._events.warning(f"cannot record: {error}; trying again")
            self._complaint = str(error)

    def _open(self, verb: str) -> _Capture:
        capture = _Capture(self._system, self._system.find_input(self._wanted), self._clock)
        with ExitStack() as failing:
            failing.callback(capture.stream.close)
            if self._recording is not None:
                self._recording.begin(capture.rate, capture.channels)
            failing.pop_all()
        plural = "s" * (capture.channels > 1)
        self._events.info(
            f"{verb} from {capture.device.name} at {capture.stream.rate} Hz, {capture.channels} channel{plural}"
        )
        return capture


def _mono(frames: Frames) -> Audio:
    mono: Audio = np.nan_to_num(frames.mean(axis=1, dtype=np.float32))
    return mono
