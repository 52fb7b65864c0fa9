"""Plays a stream while it is saved: a jitter buffer, an output stream, and a thread that minds the device."""

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from codec.types import Audio
from net.audio.devices import STALLED_S, AudioDevice, AudioSystem, DeviceStream, Frames
from net.audio.jitter import JitterBuffer
from net.audio.variable_resampler import VariableResampler
from net.errors import AudioDeviceError
from net.receiver.sinks.playback_report import PlaybackReport
from net.runtime.clock import Clock
from net.telemetry.events import EventLog
from net.telemetry.meters import DurationMeter
from net.telemetry.stats import PlaybackStats

TICK_S = 0.05
END_S = 0.2
"""Silence after the end, so that the device does not cut the last sound off."""
RETRY_S = 1.0
AT_ONCE_S = 3.0
"""A device that is lost so soon after it was opened is told of once: some sound servers sleep while nobody listens."""
HISTORY_SECONDS = 300
MAX_VOLUME = 2.0
JOIN_S = 3.0


class Player:
    """Plays what `write` is given. No method but `close` waits for the device, and nothing waits for the disk.

    A device that is absent, busy or gone is an event, not an error: the player goes on trying, and live sound goes on
    from its newest when the device is back.
    """

    def __init__(
        self,
        audio_system: AudioSystem,
        wanted_device: str | None,
        sample_rate: int,
        *,
        live: bool,
        target_ms: float,
        clock: Clock,
        events: EventLog,
        stream_id: str = "",
    ) -> None:
        self._system, self._wanted = audio_system, wanted_device
        self._rate, self._clock = sample_rate, clock
        self._events, self._stream_id = events, stream_id
        self._lock = threading.Lock()
        self._buffer = JitterBuffer(sample_rate, target_ms, live=live)
        self._device: AudioDevice | None = None
        self._stream: DeviceStream | None = None
        self._varispeed = VariableResampler(sample_rate, sample_rate)
        self._gain = 1.0
        self._paused = self._muted = False
        self._volume = 1.0
        self._filled_s = 0.0
        self._awake = False  # a device takes a while to its first pull: that is no sleep
        self._heard_at: deque[tuple[float, float]] = deque(maxlen=1000)
        self._history: deque[float] = deque(maxlen=HISTORY_SECONDS)
        self._report = PlaybackReport(events, stream_id, sample_rate)
        self._dry_before = 0
        self._complained = ""
        self._opened_s = 0.0
        self._quiet_losses = 0
        self._closing = threading.Event()
        self.drained = threading.Event()
        """Set when the last sample of a finished stream has left the buffer, or the player was closed."""
        self.heard = DurationMeter("heard", clock)
        """From capture to the device, where capture times are known."""
        self._thread = threading.Thread(target=self._mind_device, name=f"player-{stream_id[:4]}")

    def start(self) -> None:
        """Start to look after the device."""
        self._thread.start()

    def write(self, audio: Audio, index: int, captured_s: float | None) -> None:
        """Take the next stretch, of chunk `index`; its last sample was captured at `captured_s` of this clock."""
        with self._lock:
            self._buffer.push(audio, index, captured_s)

    def finish(self) -> None:
        """Say that no more will come: what is buffered is played."""
        with self._lock:
            self._buffer.finish()

    def request_close(self) -> None:
        """Stop playing; returns at once."""
        self._closing.set()

    def join(self, timeout_s: float) -> tuple[str, ...]:
        """Wait until the device is given back; return the thread's name if it is still alive."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return (self._thread.name,) if self._thread.is_alive() else ()

    def close(self) -> None:
        """Stop playing and give the device back; calling it twice does nothing."""
        self.request_close()
        self.join(JOIN_S)

    @property
    def played_chunks(self) -> int:
        """Chunks that were played to their end."""
        return self._buffer.played_chunks

    def set_paused(self, paused: bool) -> None:
        """Stop or go on; live sound goes on from its newest."""
        self._paused = paused

    def set_muted(self, muted: bool) -> None:
        """Play silence; time goes on."""
        self._muted = muted

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 2; what then exceeds full scale is clipped."""
        self._volume = max(0.0, min(MAX_VOLUME, volume))

    def stats(self) -> PlaybackStats:
        """The playback as of now."""
        with self._lock:
            buffer, device = self._buffer, self._device
            counts = buffer.counts
            return PlaybackStats(
                device=device.name if device else self._wanted or "default output",
                playing=buffer.playing and self._stream is not None and not self._paused,
                muted=self._muted,
                volume=self._volume,
                buffer_ms=buffer.depth_ms,
                target_ms=buffer.held_ms,
                buffer_history_ms=tuple(self._history),
                underruns=counts.underruns,
                dry_device=self._dry_device,
                drift_ppm=buffer.drift.drift_ppm,
                skipped_ms=counts.skipped_samples * 1000 / self._rate,
                silence_ms=counts.silence_samples * 1000 / self._rate,
                connected=self._stream is not None or self.drained.is_set(),
            )

    # The device's thread calls this: it must be quick.

    def _fill(self, block: Frames) -> None:
        now_s = self._clock.monotonic_s()
        pause_s, self._filled_s = now_s - self._filled_s, now_s
        gain = 0.0 if self._muted or self._paused else self._volume
        with self._lock:
            if self._paused and self._gain == 0.0:
                block[:] = 0.0
                return
            if self._awake:
                self._buffer.device_paused(pause_s)
            self._awake = True
            self._varispeed.speed = self._buffer.drift.speed
            sound = self._varispeed.render(len(block), self._buffer.pull)
            captured_s = self._buffer.captured_s if self._buffer.playing else None
        if captured_s is not None and not self._paused:
            self._heard_at.append((self._clock.epoch_s(), captured_s))
        if gain != self._gain or gain != 1.0:
            sound = np.clip(sound * np.linspace(self._gain, gain, len(sound), dtype=np.float32), -1.0, 1.0)
            self._gain = gain
        block[:] = sound[:, None]

    # The minding thread.

    def _mind_device(self) -> None:
        try:
            retry_s = second_s = self._clock.monotonic_s()
            while not self._clock.wait(self._closing, TICK_S if self._stream else 0.0):
                now_s = self._clock.monotonic_s()
                self._check_stream(now_s)
                if self._stream is None and now_s >= retry_s:
                    self._open()
                    retry_s = now_s + RETRY_S
                elif self._stream is None:
                    self._clock.wait(self._closing, TICK_S)
                self._measure_heard()
                self._tell(now_s)
                if now_s >= second_s:
                    self._history.append(self._buffer.depth_ms)
                    second_s += 1.0
                if self._buffer.drained:
                    self._clock.wait(self._closing, self._output_latency_s() + END_S)
                    return
        finally:
            self._close_stream()
            self.drained.set()

    def _open(self) -> None:
        again = bool(self._complained)
        try:
            if again:
                self._system.refresh()
            device = self._system.find_output(self._wanted)
            self._filled_s = self._clock.monotonic_s()
            stream = self._system.open_output(device, self._first_fill(device))
        except AudioDeviceError as error:
            if str(error) != self._complained:
                self._events.warning(f"cannot play: {error}; saving goes on, trying again", self._stream_id)
            self._complained = str(error)
            return
        self._device, self._stream = device, stream
        self._opened_s = self._clock.monotonic_s()
        self._complained = ""
        if self._quiet_losses <= 1:
            verb = "playing again" if again else "playing"
            self._events.info(f"{verb} on {device.name} at {stream.rate} Hz", self._stream_id)

    def _first_fill(self, device: AudioDevice) -> Callable[[Frames], None]:
        with self._lock:
            self._awake = False
            self._varispeed = VariableResampler(self._rate, device.default_rate)
            self._buffer.rejoin()
        return self._fill

    def _check_stream(self, now_s: float) -> None:
        stream = self._stream
        if stream is None:
            return
        if stream.failed:
            self._lose("is gone")
        elif now_s - self._filled_s > STALLED_S:
            self._lose(f"has asked for no sound for {STALLED_S:g} s")

    def _lose(self, what: str) -> None:
        assert self._device is not None
        self._complained = f"the output {self._device.name} {what}"
        at_once = self._clock.monotonic_s() - self._opened_s < AT_ONCE_S
        self._quiet_losses = self._quiet_losses + 1 if at_once else 0
        if self._quiet_losses <= 1:
            self._events.warning(f"{self._complained}: saving goes on, trying again", self._stream_id)
        self._close_stream()

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            self._dry_before += stream.glitches

    def _measure_heard(self) -> None:
        latency_s = self._output_latency_s()
        while self._heard_at:
            filled_s, captured_s = self._heard_at.popleft()
            self.heard.add(filled_s + latency_s - captured_s)

    def _output_latency_s(self) -> float:
        stream = self._stream
        return (stream.latency_s if stream else 0.0) + self._varispeed.delay_samples / self._rate

    @property
    def _dry_device(self) -> int:
        stream = self._stream
        return self._dry_before + (stream.glitches if stream else 0)

    def _tell(self, now_s: float) -> None:
        with self._lock:
            counts, target_ms = self._buffer.counts, self._buffer.held_ms
            playing = self._buffer.playing and self._stream is not None
        self._report.tell(counts, self._dry_device, target_ms, playing=playing, now_s=now_s)
