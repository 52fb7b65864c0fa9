"""A device stream that outlives its device: lost or stalled streams are opened again until it is closed."""

from collections.abc import Callable
from dataclasses import dataclass

from net.audio.devices import AudioDevice, AudioSystem, DeviceStream, Direction, Frames, OnBlock
from net.errors import AudioDeviceError
from net.runtime.clock import Clock
from net.telemetry.stats import Severity

STALLED_S = 2.5
"""A device that gives or takes nothing for so long is lost. PulseAudio's null sink sleeps for 2 s before it begins, and
again where its monitor is not recorded; its own programs wait just as long."""
RETRY_S = 1.0
BRIEF_S = 3.0
"""A device that is lost so soon after it was opened is reported once: some sound servers sleep between."""


@dataclass(frozen=True, slots=True)
class _Words:
    device: str
    use: str
    preposition: str
    stall: str
    meanwhile: str


_WORDS = {
    Direction.INPUT: _Words("microphone", "record", "from", "has given no sound", "sending silence"),
    Direction.OUTPUT: _Words("output", "play", "on", "has asked for no sound", "saving goes on"),
}


class ReopeningStream:
    """A stream from or to the wanted device. One thread opens and polls it; any thread may close it or read its state.

    `prepare` is called with the device before each opening and returns the callback for its blocks. `report` gets one
    event each when the stream is open, is lost or cannot be opened (with the reason), and is open again.
    """

    def __init__(
        self,
        system: AudioSystem,
        direction: Direction,
        wanted: str | None,
        prepare: Callable[[AudioDevice], OnBlock],
        *,
        clock: Clock,
        report: Callable[[Severity, str], None],
    ) -> None:
        self._system, self._direction, self._wanted = system, direction, wanted
        self._prepare, self._clock, self._report = prepare, clock, report
        self._words = _WORDS[direction]
        self._stream: DeviceStream | None = None
        self._closed = False
        self._problem = ""
        self._brief_losses = self._earlier_glitches = 0
        self._retry_s = self._opened_s = self._active_s = 0.0
        self.device: AudioDevice | None = None
        """The device that was opened last."""
        self.latency_s = 0.0
        """Of the stream that is, or was last, open."""
        self.lost = False
        """Whether the device is gone, and was not closed here."""

    @property
    def is_open(self) -> bool:
        """Whether the device is there."""
        return self._stream is not None

    @property
    def name(self) -> str:
        """The name of the device, or the one that is wanted; empty for a default device not opened yet."""
        return self.device.name if self.device else self._wanted or ""

    @property
    def glitches(self) -> int:
        """How often the device had nothing to play, or no room for what it heard, over all openings."""
        stream = self._stream
        return self._earlier_glitches + (stream.glitches if stream else 0)

    def open(self) -> None:
        """Open the device; does nothing after `close`. Raises `AudioDeviceError`."""
        device = self._system.find(self._direction, self._wanted)
        callback = self._prepare(device)
        stream = self._system.open(self._direction, device, self._watched(callback))
        self._opened_s = self._active_s = self._clock.monotonic_s()
        self._stream = stream
        if self._closed:  # while the device was opening, so that `close` may have missed it
            self._close_stream()
            return
        self.device, self.latency_s, self.lost = device, stream.latency_s, False
        again, self._problem = " again" if self._problem else "", ""
        if self._brief_losses <= 1:
            self._report(
                Severity.INFO,
                f"{self._words.use}ing{again} {self._words.preposition} {device.name} at {stream.rate} Hz, "
                f"{stream.channels} channel{'s' * (stream.channels > 1)}",
            )

    def poll(self) -> bool:
        """Notice that the device is lost, and open it again when that is due; return whether it was opened."""
        stream, now_s = self._stream, self._clock.monotonic_s()
        if stream is not None:
            self.latency_s = stream.latency_s
            if stream.failed:
                self._lose("is gone")
            elif now_s - self._active_s > STALLED_S:
                self._lose(f"{self._words.stall} for {STALLED_S:g} s")
        if self._stream is not None or self._closed or now_s < self._retry_s:
            return False
        self._retry_s = now_s + RETRY_S
        try:
            if self._problem:
                self._system.refresh()
            self.open()
        except AudioDeviceError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                self._warn(f"cannot {self._words.use}: {error}")
            return False
        return self.is_open

    def close(self) -> None:
        """Give the device back for good; calling it twice does nothing."""
        self._closed = True
        self._close_stream()

    def _watched(self, callback: OnBlock) -> OnBlock:
        def on_block(frames: Frames) -> None:
            self._active_s = self._clock.monotonic_s()
            callback(frames)

        return on_block

    def _lose(self, what: str) -> None:
        self.lost = True
        self._problem = f"the {self._words.device} {self.name} {what}"
        brief = self._clock.monotonic_s() - self._opened_s < BRIEF_S
        self._brief_losses = self._brief_losses + 1 if brief else 0
        if self._brief_losses <= 1:
            self._warn(self._problem)
        self._close_stream()

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            self._earlier_glitches += stream.glitches

    def _warn(self, problem: str) -> None:
        self._report(Severity.WARNING, f"{problem}; {self._words.meanwhile}, trying again")
