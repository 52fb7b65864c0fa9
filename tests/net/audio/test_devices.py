import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from net.audio.devices import TIMED_BLOCKS, AudioSystem, Direction
from net.audio.ring_buffer import RingBuffer
from net.errors import AudioDeviceError
from tests.net.audio.fake_audio import FakeSounddevice
from tests.net.waiting import wait_until


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_devices_are_listed_with_their_rates_and_defaults() -> None:
    """Index, name, channels, default rate, other rates and which are the defaults."""
    microphone, speaker, headset = AudioSystem(FakeSounddevice()).devices(with_rates=True)
    assert (microphone.index, microphone.name, microphone.input_channels) == (0, "Built-in Microphone", 2)
    assert microphone.is_default_input
    assert speaker.is_default_output
    assert not headset.is_default_input
    assert (headset.default_rate, headset.rates) == (44100, (44100,))


@pytest.mark.parametrize(("wanted", "index"), [(None, 0), ("2", 2), ("USB Headset", 2), ("usb", 2)])
def test_an_input_is_found_by_number_name_or_part_of_it(wanted: str | None, index: int) -> None:
    """Without a wish it is the default."""
    assert AudioSystem(FakeSounddevice()).find(Direction.INPUT, wanted).index == index


@pytest.mark.parametrize("wanted", ["1", "9", "Studio", ""])
def test_a_wrong_input_is_an_error_that_names_the_choices(wanted: str) -> None:
    """An output's number, an unknown number or name, or a name of several."""
    with pytest.raises(AudioDeviceError, match="0 'Built-in Microphone', 2 'USB Headset'"):
        AudioSystem(FakeSounddevice()).find(Direction.INPUT, wanted)


def test_without_portaudio_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and only when a device is asked for."""
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    system = AudioSystem()
    with pytest.raises(AudioDeviceError, match=r"libportaudio2.*brew install portaudio") as raised:
        system.devices()
    assert "\n" not in str(raised.value)


def test_a_busy_device_is_an_error_that_names_it() -> None:
    """What PortAudio says comes along."""
    module = FakeSounddevice()
    module.busy = True
    system = AudioSystem(module)
    with pytest.raises(AudioDeviceError, match="'USB Headset' cannot be opened: Device unavailable"):
        system.open(Direction.INPUT, system.find(Direction.INPUT, "usb"), lambda _: None)


@pytest.mark.parametrize("host_api", ["Core Audio", "ALSA"])
def test_recorded_frames_reach_the_callback(host_api: str) -> None:
    """Whether PortAudio calls or the device is polled, and a stream that ends by itself says so."""
    module = FakeSounddevice(host_api)
    system = AudioSystem(module)
    taken: list[np.ndarray] = []
    stream = system.open(Direction.INPUT, system.find(Direction.INPUT), taken.append)
    module.streams[0].deliver(np.ones((480, 2)))
    wait_until(lambda: sum(map(len, taken)) == 480)
    assert not stream.failed
    module.streams[0].unplug()
    wait_until(lambda: stream.failed)
    stream.close()
    stream.close()
    assert module.streams[0].closed


@dataclass(frozen=True)
class Times:
    """What PortAudio tells with a block."""

    currentTime: float  # noqa: N815 - PortAudio's name
    inputBufferAdcTime: float = 0.0  # noqa: N815 - likewise
    outputBufferDacTime: float = 0.0  # noqa: N815 - likewise


@pytest.mark.parametrize(
    ("times", "expected_s"),
    [
        (Times(100.0, 99.965, 100.035), 0.035),
        (Times(100.0, 0.0, 0.0), 0.01),
        (Times(0.0, 99.965, 99.965), 0.01),
        (Times(100.0, 100.035, 99.965), 0.01),
        (Times(100.0, 98.0, 102.0), 0.01),
        (None, 0.01),
    ],
)
def test_latency_is_what_the_blocks_times_tell(times: Times | None, expected_s: float) -> None:
    """Times of the converter are believed where they can be true; otherwise the driver's nominal latency counts."""
    module = FakeSounddevice()
    system = AudioSystem(module)
    streams = [
        system.open(Direction.INPUT, system.find(Direction.INPUT), lambda _: None),
        system.open(Direction.OUTPUT, system.find(Direction.OUTPUT), lambda _: None),
    ]
    for fake in module.streams:
        for _ in range(TIMED_BLOCKS):
            fake.options["callback"](np.zeros((480, 2), np.float32), 480, times, None)
    assert [stream.latency_s for stream in streams] == pytest.approx([expected_s] * 2)
    for stream in streams:
        stream.close()


def test_a_polled_output_takes_what_the_callback_fills_in() -> None:
    """As many frames as the device has room for; that it ran dry before is counted."""
    module = FakeSounddevice("ALSA")
    system = AudioSystem(module)

    def fill(block: np.ndarray) -> None:
        block[:] = 0.25

    stream = system.open(Direction.OUTPUT, system.find(Direction.OUTPUT), fill)
    module.streams[0].available = 960
    wait_until(lambda: sum(map(len, module.streams[0].played)) == 960)
    module.streams[0].glitch = True
    module.streams[0].available = 480
    wait_until(lambda: stream.glitches == 1)
    stream.close()
    assert (np.concatenate(module.streams[0].played) == 0.25).all()


def test_the_system_is_not_refreshed_under_an_open_stream() -> None:
    """Looking for plugged devices would end all streams, so it waits until none is open."""
    module = FakeSounddevice()
    system = AudioSystem(module)
    stream = system.open(Direction.OUTPUT, system.find(Direction.OUTPUT), lambda _: None)
    system.refresh()
    assert module.initialized == 0
    stream.close()
    system.refresh()
    assert module.initialized == 1


def test_a_ring_passes_frames_in_order_across_its_edge() -> None:
    """What is written comes out once, in order, however the blocks fall."""
    ring = RingBuffer(100, 2)
    out = []
    for start in range(0, 700, 70):
        ring.write(np.arange(start, start + 70, dtype=np.float32)[:, None].repeat(2, axis=1))
        out.append(ring.read())
    assert np.array_equal(np.concatenate(out)[:, 1], np.arange(700))


def test_a_full_ring_drops_counts_and_keeps_time() -> None:
    """What found no room is counted, and comes out as silence of the same length."""
    ring = RingBuffer(100, 1)
    ring.write(np.ones((130, 1), np.float32))
    frames = ring.read()
    assert ring.dropped_frames == 30
    assert frames[:100].all()
    assert not frames[100:].any()
    assert len(frames) == 130
    assert not len(ring.read())
