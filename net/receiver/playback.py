"""How a receiver plays its streams: the output device, and the pause, mute and volume of all players at once."""

import threading
from collections.abc import Callable

from net.audio.devices import AudioSystem
from net.live import LIVE_JITTER_MS, is_quick
from net.protocol.messages import Hello
from net.receiver.sinks.player import Player
from net.runtime.clock import Clock
from net.settings import PlaybackSettings
from net.telemetry.events import EventLog

JITTER_MS = 200.0


class Playback:
    """Makes a player for each stream, where the settings ask for any, and controls all. Thread-safe, never waits."""

    def __init__(
        self, settings: PlaybackSettings | None, audio_system: AudioSystem, clock: Clock, events: EventLog
    ) -> None:
        self._settings, self._audio_system = settings, audio_system
        self._clock, self._events = clock, events
        self._lock = threading.Lock()
        self._players: list[Player] = []
        self._paused = self._muted = False
        self._volume = 1.0

    def check(self) -> None:
        """Raise `AudioDeviceError` where there is no such output."""
        if self._settings is not None:
            self._audio_system.find_output(self._settings.device)

    def make_player(self, hello: Hello) -> Player | None:
        """The player of a new stream, to be closed by the stream; None where nothing is played."""
        settings = self._settings
        if settings is None:
            return None
        target_ms = settings.jitter_ms
        if target_ms is None:
            target_ms = LIVE_JITTER_MS if is_quick(hello) else JITTER_MS
        player = Player(
            self._audio_system,
            settings.device,
            hello.sample_rate,
            live=hello.live,
            target_ms=target_ms,
            clock=self._clock,
            events=self._events,
            stream_id=hello.stream_id.hex(),
        )
        with self._lock:
            self._players = [each for each in self._players if not each.drained.is_set()] + [player]
            player.set_paused(self._paused)
            player.set_muted(self._muted)
            player.set_volume(self._volume)
        return player

    def set_paused(self, paused: bool) -> None:
        """Pause or resume all players, and those to come."""
        self._paused = paused
        self._control(lambda player: player.set_paused(paused))

    def set_muted(self, muted: bool) -> None:
        """Mute or unmute all players, and those to come."""
        self._muted = muted
        self._control(lambda player: player.set_muted(muted))

    def set_volume(self, volume: float) -> None:
        """Set the volume of all players, and of those to come, 0 to 2."""
        self._volume = volume
        self._control(lambda player: player.set_volume(volume))

    def _control(self, change: Callable[[Player], None]) -> None:
        with self._lock:
            for player in self._players:
                change(player)
