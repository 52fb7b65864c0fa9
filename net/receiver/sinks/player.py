"""Plays a stream while it is saved: a jitter buffer, an output device, and a thread that looks after the device."""

import logging
import threading
from collections import deque

import numpy as np

from codec.types import Audio
from net.audio.devices import AudioDevice, AudioSystem, Direction, Frames, OnBlock
from net.audio.jitter import JitterBuffer
from net.audio.reopening_stream import ReopeningStream
from net.audio.variable_resampler import VariableResampler
from net.receiver.sinks.playback_report import PlaybackReport
from net.runtime.clock import Clock
from net.telemetry.events import EventLog
from net.telemetry.meters import DurationMeter, LevelHistory
from net.telemetry.stats import PlaybackStats

TICK_S = 0.05
END_S = 0.2
"""Silence after the end, so that the device does not cut the last sound off."""
MAX_VOLUME = 2.0
JOIN_S = 3.0

logger = logging.getLogger(__name__)


class PlaybackControls:
    """What a person asks of all players, those to come included. Any thread may set and read it."""

    def __init__(self) -> None:
        self.paused = self.muted = False
        self.volume = 1.0

    def set_paused(self, paused: bool) -> None:
        """Pause or resume; live sound resumes with its newest."""
        self.paused = paused

    def set_muted(self, muted: bool) -> None:
        """Play silence; time goes on."""
        self.muted = muted

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 2; what then exceeds full scale is clipped."""
        self.volume = max(0.0, min(MAX_VOLUME, volume))


class Player:
    """Plays what `write` is given, through `buffer`. Any thread may call any method; none but `close` and `join` waits.

    A device that is absent, busy or gone is an event, not an error: it is opened again, and live sound goes on from its
    newest when the device is back.
    """

    def __init__(
        self,
        audio_system: AudioSystem,
        wanted_device: str | None,
        buffer: JitterBuffer,
        controls: PlaybackControls,
        *,
        clock: Clock,
        events: EventLog,
    ) -> None:
        self._buffer, self._rate, self._controls = buffer, buffer.sample_rate, controls
        self._clock, self._events = clock, events
        self._lock = threading.Lock()
        self._output = ReopeningStream(
            audio_system, Direction.OUTPUT, wanted_device, self._prepare, clock=clock, report=events.add
        )
        self._resampler = VariableResampler(self._rate, self._rate)
        self._gain = 1.0
        self._filled_s: float | None = None
        self._heard_at: deque[tuple[float, float]] = deque(maxlen=1000)
        self._depths_ms = LevelHistory(clock)
        self._report = PlaybackReport(events, clock, self._rate)
        self._closing = threading.Event()
        self.drained = threading.Event()
        """Set when the last sample of a finished stream has left the buffer, or the player was closed."""
        self.heard = DurationMeter("heard", clock)
        """From capture to the device, where capture times are known."""
        # A driver that hangs must not keep the program from ending, so the thread is a daemon.
        self._thread = threading.Thread(target=self._run, name=f"player-{events.stream_id[:4]}", daemon=True)

    def start(self) -> None:
        """Open the device and play; does nothing after `close`."""
        if not self._closing.is_set():
            self._thread.start()

    def write(self, audio: Audio, index: int, captured_s: float | None) -> None:
        """Buffer the next sound, of chunk `index`; its last sample was captured at `captured_s` of this clock."""
        with self._lock:
            self._buffer.push(audio, index, captured_s)

    def finish(self) -> None:
        """End the stream: what is buffered is still played."""
        with self._lock:
            self._buffer.finish()

    def request_close(self) -> None:
        """Stop playing; returns at once, and the thread gives the device back as soon as the driver lets it."""
        self._closing.set()
        self.drained.set()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait until the device is given back; return the thread's name if it is still alive."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return (self._thread.name,) if self._thread.is_alive() else ()

    def close(self) -> None:
        """Stop playing and give the device back, within 3 s; calling it twice does nothing."""
        self.request_close()
        self.join(JOIN_S)

    @property
    def played_chunks(self) -> int:
        """Chunks that were played to their end."""
        return self._buffer.played_chunks

    @property
    def paused(self) -> bool:
        """Whether playing is paused."""
        return self._controls.paused

    def stats(self) -> PlaybackStats:
        """The playback as of now."""
        with self._lock:
            buffer, counts = self._buffer, self._buffer.counts
            return PlaybackStats(
                device=self._output.name or "default output",
                playing=buffer.playing and self._output.is_open and not self.paused,
                muted=self._controls.muted,
                volume=self._controls.volume,
                buffer_ms=buffer.depth_ms,
                target_ms=buffer.target.total_ms,
                buffer_history_ms=self._depths_ms.values(),
                underruns=counts.underruns,
                dry_device=self._output.glitches,
                drift_ppm=buffer.drift.drift_ppm,
                skipped_ms=counts.skipped_samples * 1000 / self._rate,
                silence_ms=counts.silence_samples * 1000 / self._rate,
                connected=self._output.is_open or self.drained.is_set(),
            )

    # The device's thread calls this: it must be quick.

    def _fill(self, block: Frames) -> None:
        now_s = self._clock.monotonic_s()
        controls, paused = self._controls, self.paused
        gain = 0.0 if controls.muted or paused else controls.volume
        with self._lock:
            filled_s, self._filled_s = self._filled_s, now_s
            if paused and self._gain == 0.0:
                block[:] = 0.0
                return
            if filled_s is not None:
                self._buffer.target.observe_pull(now_s - filled_s)
            sound = self._resampler.render(len(block), self._buffer.pull, self._buffer.drift.speed)
            captured_s = self._buffer.captured_s if self._buffer.playing else None
        if captured_s is not None and not paused:
            self._heard_at.append((self._clock.epoch_s(), captured_s))
        if gain != self._gain or gain != 1.0:
            sound = np.clip(sound * np.linspace(self._gain, gain, len(sound), dtype=np.float32), -1.0, 1.0)
            self._gain = gain
        block[:] = sound[:, None]

    # The player's thread.

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._poll()
                if self._buffer.drained:
                    self._clock.wait(self._closing, self._latency_s + END_S)
                    return
                self._clock.wait(self._closing, TICK_S)
        except Exception as error:  # the thread's top level: whatever it was ends playing, and saving goes on
            logger.exception("the player of stream %s failed", self._events.stream_id)
            self._events.error(f"playing ends here: {type(error).__name__}: {error}; saving goes on")
        finally:
            self._output.close()
            self.drained.set()

    def _poll(self) -> None:
        self._output.poll()
        while self._heard_at:
            filled_s, captured_s = self._heard_at.popleft()
            self.heard.add(filled_s + self._latency_s - captured_s)
        with self._lock:
            buffer, counts = self._buffer, self._buffer.counts
            depth_ms, target_ms = buffer.depth_ms, buffer.target.total_ms
            playing = buffer.playing and self._output.is_open
        self._depths_ms.set(round(depth_ms))
        self._report.update(counts, self._output.glitches, target_ms, playing=playing)

    def _prepare(self, device: AudioDevice) -> OnBlock:
        with self._lock:
            self._filled_s = None  # a device takes a while to its first pull: that is no pause between two
            self._resampler = VariableResampler(self._rate, device.default_rate)
            self._buffer.restart()
        return self._fill

    @property
    def _latency_s(self) -> float:
        return self._output.latency_s + self._resampler.delay_samples / self._rate
