import threading
from collections.abc import Iterator

import numpy as np
import pytest

from net.audio.devices import AudioSystem
from net.audio.jitter import JitterBuffer, JitterCounts
from net.receiver.sinks.playback_report import REPORT_EVERY_S, PlaybackReport
from net.receiver.sinks.player import JOIN_S, PlaybackControls, Player
from net.telemetry.events import EventLog
from tests.clock import FakeClock
from tests.net.audio.fake_audio import FakeSounddevice, FakeStream
from tests.net.clocks import FastClock
from tests.net.waiting import wait_until

RATE = 16000
BLOCK = 2560


def tone(start: int, samples: int, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(start, start + samples) / rate)).astype(np.float32)


class Room:
    """A player with a speaker that asks for sound when the test says so."""

    def __init__(
        self, *, live: bool = True, module: FakeSounddevice | None = None, system: AudioSystem | None = None
    ) -> None:
        self.module = module or FakeSounddevice()
        self.clock = FastClock()
        self.system = system or AudioSystem(self.module, self.clock)
        self.events = EventLog(self.clock)
        buffer = JitterBuffer(RATE, 100, live=live)
        self.controls = PlaybackControls()
        self.player = Player(self.system, None, buffer, self.controls, clock=self.clock, events=self.events)
        self.written = 0

    def speaker(self) -> FakeStream:
        wait_until(lambda: self.module.open_stream() and self.player.stats().connected)
        stream = self.module.open_stream()
        assert stream is not None
        return stream

    def write(self, blocks: int) -> None:
        for _ in range(blocks):
            captured_s = self.clock.epoch_s() - 0.3
            self.player.write(tone(self.written * BLOCK, BLOCK), self.written, captured_s)
            self.written += 1

    def texts(self) -> str:
        return "\n".join(event.text for event in self.events.since(0))


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    room.player.start()
    yield room
    room.player.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("player")]


def heard(room: Room, seconds: float) -> np.ndarray:
    """What the speaker plays in so much time, while the sender keeps up."""
    parts = []
    speaker = room.speaker()
    for _ in range(round(seconds / 0.16)):
        room.write(1)
        parts += [speaker.demand(480) for _ in range(16)]
    return np.concatenate(parts)


def test_it_plays_the_sound_on_all_channels_at_the_devices_rate(room: Room) -> None:
    """The tone comes out whole at 48 kHz on both channels, after the buffer has filled."""
    out = heard(room, 2.0)
    assert np.array_equal(out[:, 0], out[:, 1])
    assert out[-48000:, 0].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    assert np.abs(np.diff(out[24000:, 0], 2)).max() < 0.5 * (2 * np.pi * 440 / 48000) ** 2 * 1.1
    stats = room.player.stats()
    assert (stats.device, stats.playing, stats.underruns) == ("Built-in Output", True, 0)
    assert stats.buffer_ms > 0
    assert room.player.played_chunks >= 10


def test_the_heard_latency_is_that_of_the_sound(room: Room) -> None:
    """From capture over buffer and device to the air."""
    heard(room, 1.0)
    wait_until(lambda: room.player.heard.latest_ms)
    assert room.player.heard.stats().minimum_ms > 300


def test_mute_pause_and_volume_change_without_clicks(room: Room) -> None:
    """Muted and paused it plays zeros, at twice the volume twice the level; every change is a ramp."""
    before = heard(room, 0.8)
    room.controls.set_muted(True)
    muted = heard(room, 0.32)
    assert room.player.stats().muted
    room.controls.set_muted(False)
    room.controls.set_volume(0.5)
    soft = heard(room, 0.32)
    room.controls.set_paused(True)
    paused = heard(room, 0.32)
    assert not muted[480:].any()
    assert not paused[480:].any()
    assert soft[-4800:].std() == pytest.approx(0.25 / np.sqrt(2), rel=0.02)
    whole = np.concatenate([before[24000:], muted, soft, paused])[:, 0]
    assert np.abs(np.diff(whole)).max() < 0.5 * 2 * np.pi * 440 / 48000 * 1.2


def test_an_unplugged_device_is_an_event_and_playing_goes_on_when_it_is_back(room: Room) -> None:
    """Writing never waits meanwhile; live sound goes on from its newest, and what was left out is counted."""
    heard(room, 1.0)
    room.module.busy = True
    room.speaker().unplug()
    wait_until(lambda: "is gone" in room.texts())
    room.write(40)
    assert not room.player.stats().connected
    wait_until(lambda: "cannot play" in room.texts())
    room.module.busy = False
    out = heard(room, 1.0)
    assert "playing again on Built-in Output" in room.texts()
    assert out[-4800:].std() > 0.3
    assert room.player.stats().skipped_ms > 4000
    wait_until(lambda: "skipped" in room.texts())


def test_a_device_that_stops_asking_is_opened_again(room: Room) -> None:
    """Too long without a request counts as a loss."""
    room.speaker()
    wait_until(lambda: "has asked for no sound" in room.texts())
    wait_until(lambda: len(room.module.streams) > 1)


def test_without_a_device_everything_but_the_sound_goes_on() -> None:
    """The player takes all there is, says once what is wrong, and ends when it is closed."""
    room = Room()
    room.module.table = []
    room.player.start()
    wait_until(lambda: "no audio output" in room.texts())
    room.write(100)
    room.player.finish()
    room.player.close()
    assert room.texts().count("no audio output") == 1
    assert room.player.drained.is_set()


def test_a_finished_stream_is_played_to_its_end() -> None:
    """`drained` is set when the last sample has left for the device."""
    room = Room(live=False)
    room.player.start()
    room.write(3)
    room.player.finish()
    speaker = room.speaker()
    out = np.concatenate([speaker.demand(480) for _ in range(60)])
    wait_until(room.player.drained.is_set)
    assert np.count_nonzero(np.abs(out[:, 0]) > 1e-3) > 0.98 * 3 * 3 * BLOCK
    room.player.close()


def test_a_device_that_runs_dry_is_counted_and_told() -> None:
    """Silence that the device itself puts in does not go unexplained, also when it is opened anew."""
    room = Room()
    room.module.host_api = "ALSA"
    room.player.start()
    for count in (1, 2):
        speaker = room.speaker()
        speaker.glitch = True
        speaker.available = 480
        wait_until(lambda count=count: room.player.stats().dry_device == count)  # type: ignore[misc]
        wait_until(lambda count=count: room.texts().count("ran dry once") == count)  # type: ignore[misc]
        speaker.unplug()
        wait_until(lambda gone=speaker: gone.closed)  # type: ignore[misc]
    room.player.close()


def test_gaps_and_cuts_are_reported_seldom_and_with_their_length(clock: FakeClock) -> None:
    """Nothing while no sound is heard, then one line for all of it, and no more for two seconds."""
    events = EventLog(clock)
    report = PlaybackReport(events, clock, RATE)
    report.update(JitterCounts(underruns=1), 0, 100, playing=False)
    assert not events.since(0)
    gaps = JitterCounts(underruns=2, silence_samples=3200, skipped_samples=1600)
    report.update(gaps, 0, 120, playing=True)
    more = JitterCounts(underruns=3, silence_samples=4800, skipped_samples=1600)
    clock.advance(REPORT_EVERY_S - 0.1)
    report.update(more, 1, 140, playing=True)
    assert [event.text for event in events.since(0)] == [
        "2 underruns: sound came too late, 200 ms of silence; the buffer aims at 120 ms now",
        "skipped 100 ms of sound that was too old to play",
    ]
    clock.advance(0.1)
    report.update(more, 1, 140, playing=True)
    assert [event.text for event in events.since(2)] == [
        "the output ran dry once: this machine is too busy",
        "1 underrun: sound came too late, 100 ms of silence; the buffer aims at 140 ms now",
    ]


def test_a_player_that_never_started_can_be_closed() -> None:
    """It counts as played out, whoever waits for that, and starts nothing afterwards."""
    room = Room()
    room.player.close()
    assert room.player.drained.is_set()
    room.player.start()
    assert room.player.join(5) == ()
    assert not room.module.streams


def test_closing_does_not_wait_for_a_device_that_hangs() -> None:
    """It returns under its deadline, others can close and list devices, and what opens too late is given back."""
    room, hang = Room(), threading.Event()
    other = Room(module=room.module, system=room.system)
    other.player.start()
    others_stream = other.speaker()
    room.module.hang = hang
    room.player.start()
    wait_until(lambda: room.module.hanging)
    assert room.player.join(0.01) == ("player-",)
    closers = [threading.Thread(target=each.player.close, daemon=True) for each in (room, room, other)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(JOIN_S + 2)
    assert not [closer for closer in closers if closer.is_alive()]
    assert room.player.drained.is_set()
    assert others_stream.closed
    assert other.player.join(0) == ()
    assert room.system.devices()
    hang.set()
    wait_until(lambda: room.module.streams[-1].closed)
    assert room.player.join(5) == ()


def test_an_unexpected_error_ends_playing_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """It is an event, with its traceback in the log, and nobody waits for what will not be played."""
    room = Room()
    room.module.table[1]["max_output_channels"] = None  # type: ignore[index]
    room.player.start()
    wait_until(room.player.drained.is_set)
    room.player.close()
    assert "playing ends here" in room.texts()
    assert "TypeError" in caplog.text


def test_a_stream_that_does_not_start_is_given_back() -> None:
    """A device that opens but does not start is closed before it is tried again."""
    room = Room()
    room.module.stuck = True
    room.player.start()
    wait_until(lambda: len(room.module.streams) >= 2)
    assert room.module.streams[0].closed
    room.player.close()
    assert all(stream.closed for stream in room.module.streams)
