"""How a receiver plays its streams: on which output, and with how much sound in the jitter buffer."""

from net.audio.devices import AudioSystem, Direction
from net.audio.jitter import JitterBuffer
from net.live import LIVE_JITTER_MS, is_quick
from net.protocol.messages import Hello
from net.receiver.sinks.player import PlaybackControls, Player
from net.runtime.clock import Clock
from net.settings import PlaybackSettings
from net.telemetry.events import EventLog

JITTER_MS = 200.0


class Playback:
    """Makes a player for each stream, where the settings ask for any; `controls` holds for all of them."""

    def __init__(
        self, settings: PlaybackSettings | None, audio_system: AudioSystem, clock: Clock, events: EventLog
    ) -> None:
        self._settings, self._audio_system = settings, audio_system
        self._clock, self._events = clock, events
        self.controls = PlaybackControls()

    def check(self) -> None:
        """Raise `AudioDeviceError` where there is no such output."""
        if self._settings is not None:
            self._audio_system.find(Direction.OUTPUT, self._settings.device)

    def make_player(self, hello: Hello) -> Player | None:
        """The player of a new stream, to be closed by the stream; None where nothing is played."""
        settings = self._settings
        if settings is None:
            return None
        target_ms = settings.jitter_ms
        if target_ms is None:
            target_ms = LIVE_JITTER_MS if is_quick(hello) else JITTER_MS
        buffer = JitterBuffer(hello.sample_rate, target_ms, live=hello.live)
        events = self._events.for_stream(hello.stream_id.hex())
        return Player(self._audio_system, settings.device, buffer, self.controls, clock=self._clock, events=events)
