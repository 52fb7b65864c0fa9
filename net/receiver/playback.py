"""How a receiver plays its streams: the output, and what a person asks of all players at once."""

import threading
import weakref

from net.audio.devices import AudioSystem
from net.live import LIVE_JITTER_MS, is_quick
from net.protocol.messages import Hello
from net.receiver.context import ReceiverContext
from net.receiver.sinks.player import Player

JITTER_MS = 200.0


class Playback:
    """Makes a player for each stream, where the settings ask for any. Any thread may call any method."""

    def __init__(self, audio_system: AudioSystem, context: ReceiverContext) -> None:
        self._settings, self._audio_system, self._context = context.settings.playback, audio_system, context
        self._lock = threading.Lock()
        self._players: weakref.WeakSet[Player] = weakref.WeakSet()
        self._paused = self._muted = False
        self._volume = 1.0

    def check(self) -> None:
        """Raise `AudioDeviceError` where there is no such output."""
        if self._settings is not None:
            self._audio_system.find_output(self._settings.device)

    def make_player(self, hello: Hello) -> Player | None:
        """The player of a new stream, as paused, muted and loud as the others; None where nothing is played."""
        if self._settings is None:
            return None
        target_ms = self._settings.jitter_ms
        if target_ms is None:
            target_ms = LIVE_JITTER_MS if is_quick(hello) else JITTER_MS
        player = Player(
            self._audio_system,
            self._settings.device,
            hello,
            target_ms,
            clock=self._context.clock,
            events=self._context.events,
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
            player.close()
