import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.errors import AudioFileError
from codec.sound.wav import WavWriter
from net.audio.devices import AudioSystem
from net.errors import AudioDeviceError
from net.sender.microphone import CaptureClock, MicrophoneSource
from net.sender.sources import SourceBlock
from net.settings import MicrophoneSettings
from tests.net.audio.fake_audio import FakeSounddevice
from tests.net.clocks import SteppedClock
from tests.net.contexts import sender_context

RATE = 16000


class Studio:
    """A microphone that hears a 440 Hz tone, 10 ms of it in each 10 ms."""

    def __init__(self, wanted: str | None = None, save_path: Path | None = None) -> None:
        self.module = FakeSounddevice()
        self.clock = SteppedClock()
        self.clock.on_wait = self._record
        self.context = sender_context(self.clock)
        self.stopping = threading.Event()
        self.heard_s = 0.0
        self.delivering = True
        self._settings = MicrophoneSettings(device=wanted, save_path=save_path)

    def open(self) -> None:
        self.source = MicrophoneSource(AudioSystem(self.module, self.clock), self._settings, RATE, self.context)

    def _record(self, wait_s: float) -> None:
        stream = self.module.open_stream()
        self.heard_s += wait_s
        if stream and stream.active and self.delivering:
            count = round(wait_s * stream.samplerate)
            end = round(self.heard_s * stream.samplerate)
            stream.deliver(tone(stream.samplerate, end - count, count)[:, None].repeat(stream.channels, axis=1))

    def listen(self, until_s: float, act: Callable[[], None] | None = None) -> list[SourceBlock]:
        """Run until the clock has gone on so far; `act` once at half of it."""
        blocks, start_s, acted = [], self.clock.now_s, act is None
        for block in self.running():
            blocks.append(block)
            if not acted and act and self.clock.now_s >= start_s + until_s / 2:
                act()
                acted = True
            if self.clock.now_s >= start_s + until_s:
                return blocks
        raise AssertionError

    def running(self) -> Iterator[SourceBlock]:
        if not hasattr(self, "_running"):
            self._running = self.source.blocks(self.stopping)
        return self._running

    def texts(self) -> str:
        return "\n".join(event.text for event in self.context.events.since(0))


def tone(rate: int, start: int, count: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(start, start + count) / rate)


def joined(blocks: list[SourceBlock]) -> np.ndarray:
    return np.concatenate([block.audio for block in blocks])


@pytest.mark.parametrize("wanted", ["0", "2"])
def test_it_is_mono_at_the_models_rate_without_clicks(wanted: str) -> None:
    """Whatever the device's rate and channels, the tone comes through whole across all block edges."""
    studio = Studio(wanted)
    studio.open()
    audio = joined(studio.listen(2.0))
    assert len(audio) == pytest.approx(2.0 * RATE, abs=0.03 * RATE)
    assert np.abs(np.diff(audio[400:], 2)).max() < 0.5 * (2 * np.pi * 440 / RATE) ** 2 * 1.05
    assert np.std(audio[400:]) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


def test_capture_times_are_those_of_the_sound() -> None:
    """A block's time is that of its last sample: steady, and by the device's latency before it arrived."""
    studio = Studio()
    studio.open()
    start_s = studio.clock.epoch_s()
    blocks = studio.listen(2.0)
    ends = np.cumsum([len(block.audio) for block in blocks]) / RATE
    stamps = np.array([block.captured_s for block in blocks]) - start_s
    assert np.allclose(stamps - ends, -0.01, atol=1e-3)


def test_the_raw_recording_is_valid_at_every_moment(tmp_path: Path) -> None:
    """In a folder it gets a name with the time; it has the device's rate and channels and grows as sound comes."""
    studio = Studio(save_path=tmp_path / "takes")
    studio.open()
    for seconds in (0.5, 1.0):
        studio.listen(0.5)
        (path,) = (tmp_path / "takes").glob("microphone_recording_*_*.wav")
        recording, rate = soundfile.read(path)
        assert (rate, recording.shape[1]) == (48000, 2)
        assert len(recording) == pytest.approx(seconds * 48000, abs=2000)
    studio.source.close()
    info = soundfile.info(path)
    assert (info.subtype, info.format) == ("PCM_16", "WAV")


def test_a_lost_device_is_silence_at_the_right_time_until_it_is_back() -> None:
    """One event tells the loss, one the return; the timeline has no hole and no extra."""
    studio = Studio()
    studio.open()
    before = studio.listen(1.0)
    stream = studio.module.streams[0]
    stream.unplug()
    studio.module.busy = True
    during = studio.listen(2.0)
    studio.module.busy = False
    after = studio.listen(3.0)
    assert len(joined(before + during + after)) == pytest.approx(6.0 * RATE, abs=0.1 * RATE)
    assert not joined(during)[RATE:].any()
    assert joined(after)[-RATE:].std() > 0.3
    assert "is gone" in studio.texts()
    assert "recording again" in studio.texts()
    assert "silence were sent" in studio.texts()
    assert stream.closed


def test_a_device_that_falls_silent_is_opened_again() -> None:
    """No frames for longer than any device sleeps count as a loss."""
    studio = Studio()
    studio.open()
    studio.listen(0.5)
    studio.delivering = False
    studio.listen(3.0)
    assert studio.module.streams[0].closed
    assert "has given no sound for 2.5 s" in studio.texts()


def test_a_device_that_comes_back_at_another_rate_goes_on(tmp_path: Path) -> None:
    """The sound stays right, and the recording goes on in a second file of the new rate."""
    studio = Studio(save_path=tmp_path / "take.wav")
    studio.open()
    studio.listen(1.0)
    studio.module.table[0]["rate"] = 44100.0
    studio.module.streams[0].unplug()
    studio.listen(1.0)
    audio = joined(studio.listen(1.0))
    assert np.abs(np.diff(audio, 2)).max() < 0.5 * (2 * np.pi * 440 / RATE) ** 2 * 1.05
    studio.source.close()
    assert soundfile.info(tmp_path / "take.wav").samplerate == 48000
    assert soundfile.info(tmp_path / "take_2.wav").samplerate == 44100


def test_a_recording_that_cannot_be_written_gives_the_device_back(tmp_path: Path) -> None:
    """The error names the file, and no stream of the device stays open."""
    (tmp_path / "file").write_text("")
    studio = Studio(save_path=tmp_path / "file" / "take.wav")
    with pytest.raises(AudioFileError, match=r"take\.wav"):
        studio.open()
    assert [stream.closed for stream in studio.module.streams] == [True]


def test_a_second_file_that_cannot_be_opened_ends_the_recording_alone(tmp_path: Path) -> None:
    """Sound goes on; it is told once, tried once, and leaves no file open."""
    folder = tmp_path / "takes"
    studio = Studio(save_path=folder / "take.wav")
    studio.open()
    studio.listen(0.5)
    shutil.rmtree(folder)
    folder.write_text("")
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for rate in (44100.0, 16000.0, 48000.0):
        studio.module.table[0]["rate"] = rate
        studio.module.streams[-1].unplug()
        assert joined(studio.listen(2.0))[-RATE // 2 :].std() > 0.3
    assert studio.texts().count("the recording ends here") == 1
    assert len(list(Path("/proc/self/fd").iterdir())) < descriptors
    studio.source.close()


def test_a_recording_that_can_no_longer_be_written_ends_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound goes on, the file is closed, and what it holds is kept."""
    studio = Studio(save_path=tmp_path / "take.wav")
    studio.open()
    studio.listen(0.5)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as full:
        full.setattr(WavWriter, "write", broken_write)
        assert joined(studio.listen(0.5)).std() > 0.3
    assert len(list(Path("/proc/self/fd").iterdir())) < descriptors
    studio.listen(0.5)
    assert studio.texts().count("the recording ends here") == 1
    assert 0.4 < soundfile.info(tmp_path / "take.wav").duration < 0.6
    studio.source.close()


def test_losses_on_a_busy_machine_are_reported_seldom_and_add_up() -> None:
    """Whatever is dropped at each read, there is a line in five seconds at most, with all that was lost till then."""
    studio = Studio()
    studio.open()
    studio.listen(0.5)
    for _ in range(100):
        studio.module.streams[0].deliver(np.zeros((2 * 48000 + 480, 2)))
        studio.listen(0.05)
    lines = [line for line in studio.texts().splitlines() if "were dropped" in line]
    assert len(lines) == 2
    assert sum(float(line.split()[0]) for line in lines) > 2000


def broken_write(_writer: WavWriter, _frames: np.ndarray) -> None:
    raise AudioFileError("no space")


def test_an_absent_device_is_an_error_at_the_start() -> None:
    """Before anything is sent there is nothing to go on with."""
    with pytest.raises(AudioDeviceError, match="no audio input 'Studio'"):
        Studio("Studio").open()


def test_late_arrivals_do_not_move_the_capture_clock() -> None:
    """Samples that come in bursts keep the times at which they were captured, within a millisecond."""
    clock = CaptureClock(RATE)
    rng = np.random.default_rng(5)
    stamps = [clock.stamp(k * 160, 5.0 + k * 0.01 + rng.uniform(0, 0.05) * (k > 0)) for k in range(500)]
    assert np.allclose(stamps, 5.0 + np.arange(500) * 0.01, atol=6e-3)
