import threading

from msgspec.structs import replace

from net.audio.devices import AudioSystem
from net.receiver.playback import Playback
from net.settings import PlaybackSettings
from net.telemetry.events import EventLog
from tests.net.audio.fake_audio import FakeSounddevice
from tests.net.clocks import FastClock
from tests.net.protocol.exchange import HELLO
from tests.net.waiting import wait_until


def test_all_players_do_as_they_are_asked_those_to_come_included() -> None:
    """Pause, mute and volume hold for every stream, and closing gives every device back."""
    clock, module = FastClock(), FakeSounddevice()
    playback = Playback(PlaybackSettings(), AudioSystem(module, clock), clock, EventLog(clock))
    playback.controls.set_muted(True)
    first = playback.make_player(HELLO)
    playback.controls.set_paused(True)
    playback.controls.set_volume(0.5)
    second = playback.make_player(replace(HELLO, stream_id=bytes(16)))
    assert first is not None
    assert second is not None
    for player in (first, second):
        player.start()
        assert player.paused
        assert (player.stats().muted, player.stats().volume) == (True, 0.5)
    wait_until(lambda: len(module.streams) == 2)
    for player in (first, second):
        player.close()
    assert all(stream.closed for stream in module.streams)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("player")]


def test_without_playback_there_is_no_player() -> None:
    """Nothing is opened, and asking for a pause does nothing."""
    clock = FastClock()
    playback = Playback(None, AudioSystem(FakeSounddevice(), clock), clock, EventLog(clock))
    playback.check()
    playback.controls.set_paused(True)
    assert playback.make_player(HELLO) is None
