"""The microphone as a source: callback → ring buffer → mono → the model's rate; and, where wanted, a raw recording."""

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
from net.audio.devices import AudioDevice, AudioSystem, Direction, Frames, OnBlock
from net.audio.reopening_stream import ReopeningStream
from net.audio.ring_buffer import RingBuffer
from net.sender.sources import SourceBlock
from net.settings import MicrophoneSettings
from net.telemetry.event_throttle import REPORT_EVERY_S
from net.telemetry.stream_context import StreamContext

POLL_S = 0.02
RING_S = 2.0
LAG_S = 0.3
"""A device that is so far behind the clock has lost sound; silence takes its place, and then comes steadily."""
SILENCE_LAG_S = 0.04
CREEP = 1e-3
"""How fast the capture clock follows a device that runs slow: 1 ms a second."""


class CaptureClock:
    """Estimates when a sample was captured from when samples arrive: the earliest arrival counts, delays do not."""

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


class MicrophoneSource:
    """A `Source` that records, and never ends by itself. Raises `AudioDeviceError` or `AudioFileError` at first.

    A device that is lost later is an event: silence goes out in its place, at the right time, until it is back.
    """

    live = True
    total_samples: int | None = None

    def __init__(
        self, audio_system: AudioSystem, settings: MicrophoneSettings, sample_rate: int, context: StreamContext
    ) -> None:
        self._model_rate, self._clock, self._events = sample_rate, context.clock, context.events
        self._recording = RawRecording(settings.save_path, context) if settings.save_path else None
        self._ring = RingBuffer(1, 1)
        self._reported_dropped = self._reported_glitches = 0
        self._next_report_s = float("-inf")
        self._silence_s = 0.0
        self._input = ReopeningStream(
            audio_system,
            Direction.INPUT,
            settings.device,
            self._prepare,
            clock=context.clock,
            report=context.events.add,
        )
        with ExitStack() as failing:
            failing.callback(self.close)
            self._input.open()
            self._begin_recording()
            failing.pop_all()

    @property
    def name(self) -> str:
        """What is streamed, as a text: a device's name alone, such as "default", would not say enough."""
        device = self._input.name
        return device if "mic" in device.casefold() else f"microphone {device}".rstrip()

    @property
    def lost(self) -> bool:
        """Whether the device is gone, and silence stands for what it should give."""
        return self._input.lost

    def blocks(self, stopping: threading.Event, _first_sample: int = 0) -> Iterator[SourceBlock]:
        """Sound as it is captured, until `stopping`: what was spoken before cannot be given again."""
        while not stopping.is_set():
            yield from self._blocks_of_one_rate(stopping)

    def close(self) -> None:
        """Close the device and the recording; calling it twice does nothing."""
        with ExitStack() as stack:
            if self._recording is not None:
                stack.callback(self._recording.close)
            stack.callback(self._input.close)

    def _blocks_of_one_rate(self, stopping: threading.Event) -> Iterator[SourceBlock]:
        rate, _ = self._format
        resampler = LiveResampler(rate, self._model_rate)
        clock = CaptureClock(rate)
        position = given = 0
        self._ring.read()  # what came before is not streamed
        self._reported_dropped = self._ring.dropped_frames
        while not self._clock.wait(stopping, POLL_S):
            if self._input.poll():
                self._begin_recording()
            if self._format[0] != rate:
                return
            self._report_losses()
            now_s = self._clock.epoch_s() - self._input.latency_s
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
        """What the device gave, or silence for what it should have given where that is more than a moment late."""
        frames = self._ring.read()
        if not len(frames) and lag_s > (SILENCE_LAG_S if self._silence_s else LAG_S):
            self._silence_s += lag_s
            rate, channels = self._format
            frames = np.zeros((round(lag_s * rate), channels), np.float32)
        elif len(frames) and self._silence_s:
            self._events.warning(f"{self._silence_s:.1f} s of silence were sent while the microphone gave nothing")
            self._silence_s = 0.0
        return frames

    def _report_losses(self) -> None:
        dropped, glitches, now_s = self._ring.dropped_frames, self._input.glitches, self._clock.monotonic_s()
        if now_s < self._next_report_s or (dropped, glitches) == (self._reported_dropped, self._reported_glitches):
            return
        self._next_report_s = now_s + REPORT_EVERY_S
        if dropped > self._reported_dropped:
            lost_ms = (dropped - self._reported_dropped) * 1000 / self._format[0]
            self._events.warning(f"{lost_ms:.0f} ms from the microphone were dropped: too busy to read")
        if glitches > self._reported_glitches:
            self._events.warning("the microphone's buffer ran over, and sound was lost: this machine is too busy")
        self._reported_dropped, self._reported_glitches = dropped, glitches

    @property
    def _format(self) -> tuple[int, int]:
        """Rate in Hz and channels of the device that was opened last."""
        device = self._input.device
        assert device is not None, "open comes first"
        return device.default_rate, device.channels(Direction.INPUT)

    def _prepare(self, device: AudioDevice) -> OnBlock:
        self._ring = RingBuffer(int(RING_S * device.default_rate), device.channels(Direction.INPUT))
        self._reported_dropped = 0
        return self._ring.write

    def _begin_recording(self) -> None:
        if self._recording is not None:
            self._recording.begin(*self._format)


def _mono(frames: Frames) -> Audio:
    mono: Audio = np.nan_to_num(frames.mean(axis=1, dtype=np.float32))
    return mono
