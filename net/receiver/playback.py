"""How a receiver plays its streams: the output device, and the pause, mute and volume of all players at once."""

import threading
import weakref

from net.audio.devices import AudioSystem, Direction
from net.audio.jitter import JitterBuffer
from net.live import LIVE_JITTER_MS, is_quick
from net.protocol.messages import Hello
from net.receiver.sinks.player import Player
from net.runtime.clock import Clock
from net.settings import PlaybackSettings
from net.telemetry.events import EventLog

JITTER_MS = 200.0


class Playback:
    """Makes a player for each stream, where the settings ask for any, and controls all of them. Thread-safe."""

    def __init__(
        self, settings: PlaybackSettings | None, audio_system: AudioSystem, clock: Clock, events: EventLog
    ) -> None:
        self._settings, self._audio_system = settings, audio_system
        self._clock, self._events = clock, events
        self._lock = threading.Lock()
        self._players: weakref.WeakSet[Player] = weakref.WeakSet()
        self._paused = self._muted = False
        self._volume = 1.0

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
        player = Player(
            self._audio_system,
            settings.device,
            buffer,
            clock=self._clock,
            events=self._events,
            stream_id=hello.stream_id.hex(),
        )
        with self._lock:
            player.set_paused(self._paused)
            player.set_muted(self._muted)
            player.set_volume(self._volume)
            self._players.add(player)
        return player

    def set_paused(self, paused: bool) -> None:
        """Pause or resume playing. Live sound resumes with its newest."""
        with self._lock:
            self._paused = paused
            for player in self._players:
                player.set_paused(paused)

    def set_muted(self, muted: bool) -> None:
        """Play silence, or sound again."""
        with self._lock:
            self._muted = muted
            for player in self._players:
                player.set_muted(muted)

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 2."""
        with self._lock:
            self._volume = volume
            for player in self._players:
                player.set_volume(volume)

    def close(self) -> None:
        """Stop playing and give all devices back."""
        with self._lock:
            players = list(self._players)
        for player in players:
            player.request_close()
        for player in players:
            player.close()
