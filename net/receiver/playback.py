"""How a receiver plays its streams: the output, and what a person asks of all players at once."""

from net.audio.devices import AudioSystem
from net.live import LIVE_JITTER_MS, is_quick
from net.protocol.messages import Hello
from net.receiver.sinks.player import Player
from net.runtime.clock import Clock
from net.settings import PlaybackSettings
from net.telemetry.events import EventLog

JITTER_MS = 200.0


class Playback:
    """Makes a player for each stream, where the settings ask for any. Any thread may call any method."""

    def __init__(
        self, settings: PlaybackSettings | None, audio_system: AudioSystem, clock: Clock, events: EventLog
    ) -> None:
        self._settings, self._audio_system = settings, audio_system
        self._clock, self._events = clock, events
        self.paused = self.muted = False
        """How a new player begins."""
        self.volume = 1.0
        """Of a new player, 0 to 2."""

    def check(self) -> None:
        """Raise `AudioDeviceError` where there is no such output."""
        if self._settings is not None:
            self._audio_system.find_output(self._settings.device)

    def make_player(self, hello: Hello) -> Player | None:
        """The player of a new stream; None where nothing is played."""
        if self._settings is None:
            return None
        player = Player(
            self._audio_system,
            self._settings.device,
            hello.sample_rate,
            live=hello.live,
            target_ms=self._target_ms(self._settings, hello),
            clock=self._clock,
            events=self._events,
            stream_id=hello.stream_id.hex(),
        )
        player.set_paused(self.paused)
        player.set_muted(self.muted)
        player.set_volume(self.volume)
        return player

    def _target_ms(self, settings: PlaybackSettings, hello: Hello) -> float:
        if settings.jitter_ms is not None:
            return settings.jitter_ms
        return LIVE_JITTER_MS if is_quick(hello) else JITTER_MS
