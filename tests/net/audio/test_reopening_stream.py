import threading
from collections.abc import Callable

import numpy as np
import pytest

from net.audio.devices import AudioDevice, AudioSystem, Direction, Frames
from net.audio.reopening_stream import BRIEF_S, RETRY_S, STALLED_S, ReopeningStream
from net.errors import AudioDeviceError
from net.telemetry.stats import Severity
from tests.clock import FakeClock
from tests.net.audio.fake_audio import FakeSounddevice
from tests.net.waiting import wait_until


class Desk:
    """A microphone that is opened again, and what is reported of it."""

    def __init__(self, clock: FakeClock) -> None:
        self.module, self.clock = FakeSounddevice(), clock
        self.prepared: list[AudioDevice] = []
        self.taken: list[Frames] = []
        self.reports: list[str] = []
        system = AudioSystem(self.module, clock)
        self.stream = ReopeningStream(system, Direction.INPUT, None, self._prepare, clock=clock, report=self._report)

    def _prepare(self, device: AudioDevice) -> Callable[[Frames], None]:
        self.prepared.append(device)
        return self.taken.append

    def _report(self, severity: Severity, text: str) -> None:
        self.reports.append(f"{severity}: {text}")

    def lose(self) -> None:
        self.module.streams[-1].unplug()


@pytest.fixture
def desk(clock: FakeClock) -> Desk:
    return Desk(clock)


def test_a_lost_device_is_tried_at_once_then_every_second_and_reported_once(desk: Desk) -> None:
    """The same trouble is one line, another is another, and the return is one."""
    desk.stream.open()
    desk.clock.advance(2 * BRIEF_S)
    desk.module.busy = True
    desk.lose()
    for _ in range(30):
        assert not desk.stream.poll()
        desk.clock.advance(RETRY_S / 10)
    assert desk.stream.lost
    assert len(desk.prepared) == 1 + 3
    assert desk.module.initialized == 3
    desk.module.busy = False
    desk.clock.advance(RETRY_S)
    assert desk.stream.poll()
    assert not desk.stream.lost
    assert desk.reports == [
        "info: recording from Built-in Microphone at 48000 Hz, 2 channels",
        "warning: the microphone Built-in Microphone is gone; sending silence, trying again",
        "warning: cannot record: the device 'Built-in Microphone' cannot be opened: "
        "Device unavailable [PaErrorCode -9985]; sending silence, trying again",
        "info: recording again from Built-in Microphone at 48000 Hz, 2 channels",
    ]
    desk.stream.close()


def test_a_device_that_is_silent_for_long_is_lost_and_one_that_delivers_is_not(desk: Desk) -> None:
    """Each block starts the time anew, and reaches the callback."""
    desk.stream.open()
    for _ in range(3):
        desk.clock.advance(0.9 * STALLED_S)
        desk.module.streams[0].deliver(np.ones((480, 2)))
        desk.stream.poll()
    assert len(desk.taken) == 3
    assert desk.stream.is_open
    desk.clock.advance(1.1 * STALLED_S)
    assert desk.stream.poll()
    assert [stream.closed for stream in desk.module.streams] == [True, False]
    assert "has given no sound for 2.5 s" in desk.reports[1]
    desk.stream.close()


def test_a_device_that_is_lost_again_and_again_is_reported_once(desk: Desk) -> None:
    """A sound server that sleeps does not fill the log; once it has held for a while a loss is news again."""
    desk.stream.open()
    for _ in range(10):
        desk.clock.advance(RETRY_S)
        desk.lose()
        assert desk.stream.poll()
    assert len(desk.reports) == 1 + 2
    desk.clock.advance(2 * BRIEF_S)
    desk.lose()
    desk.stream.poll()
    assert len(desk.reports) == 1 + 2 + 2
    desk.stream.close()


def test_what_opens_after_closing_is_given_back(desk: Desk) -> None:
    """Closing does not wait for a device that hangs while it opens, and nothing is opened afterwards."""
    desk.module.hang = threading.Event()
    opening = threading.Thread(target=desk.stream.open)
    opening.start()
    wait_until(lambda: desk.module.hanging)
    desk.stream.close()
    desk.stream.close()
    desk.module.hang.set()
    opening.join(5)
    assert [stream.closed for stream in desk.module.streams] == [True]
    desk.clock.advance(RETRY_S)
    assert not desk.stream.poll()
    assert not desk.reports


def test_the_first_opening_may_raise(desk: Desk) -> None:
    """The caller decides what an absent device means at the start."""
    desk.module.table = []
    with pytest.raises(AudioDeviceError, match="no audio input"):
        desk.stream.open()
