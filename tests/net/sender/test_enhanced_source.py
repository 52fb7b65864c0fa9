"""A source that is enhanced: its times, its length, its bypass, and what is measured of it."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile

from codec.sound.enhancement import Enhancer
from codec.types import Audio
from esc_tui.options.demo import SPEECH_SAMPLE
from net.sender.enhanced_source import EnhancedSource
from net.sender.source_control import SourceControl
from net.sender.sources import SAMPLE_RATE, SourceBlock
from net.telemetry.sound import SoundMeter
from tests.clock import FakeClock

pytest.importorskip("webrtc_noise_gain", reason="the extra voice is not installed")

BEGAN_S = 100.0


class SpokenSource:
    """Speech in blocks of odd lengths, each captured when it ends, or recorded long ago."""

    name = "spoken"

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self.sound: Audio = soundfile.read(SPEECH_SAMPLE, dtype="float32")[0][: 3 * SAMPLE_RATE]
        self.closed = False

    @property
    def total_samples(self) -> int | None:
        return None if self.live else len(self.sound)

    def blocks(self, stopping: threading.Event, first_sample: int = 0) -> Iterator[SourceBlock]:
        for start in range(first_sample, len(self.sound), 317):
            if stopping.is_set():
                return
            audio = self.sound[start : start + 317]
            captured_s = BEGAN_S + (start + len(audio)) / SAMPLE_RATE if self.live else None
            yield SourceBlock(audio, captured_s)

    def close(self) -> None:
        self.closed = True


class Booth:
    """An enhanced source with all that belongs to it."""

    def __init__(self, clock: FakeClock, *, live: bool = True) -> None:
        self.inner = SpokenSource(live=live)
        self.control, self.meter = SourceControl(clock), SoundMeter(SAMPLE_RATE)
        self.source = EnhancedSource(self.inner, self.control, self.meter)

    def listen(self, first_sample: int = 0) -> list[SourceBlock]:
        return list(self.source.blocks(threading.Event(), first_sample))


def joined(blocks: list[SourceBlock]) -> Audio:
    return np.concatenate([block.audio for block in blocks])


def test_all_of_the_sound_comes_enhanced(clock: FakeClock) -> None:
    """The end included, it is what the enhancer makes of the whole."""
    booth, enhancer = Booth(clock), Enhancer()
    whole = np.concatenate([enhancer.push(booth.inner.sound), enhancer.finish()])
    np.testing.assert_array_equal(joined(booth.listen()), whole)
    assert (booth.source.name, booth.source.live, booth.source.total_samples) == ("spoken", True, None)


def test_the_delay_is_in_the_capture_times(clock: FakeClock) -> None:
    """A block's time is that of its own last sample, not of the newest that was heard."""
    blocks = Booth(clock).listen()
    ends_s = BEGAN_S + np.cumsum([len(block.audio) for block in blocks]) / SAMPLE_RATE
    assert np.allclose([block.captured_s for block in blocks], ends_s, atol=1e-6)


def test_recorded_sound_has_no_capture_time(clock: FakeClock) -> None:
    """It was captured at a time that nobody knows."""
    booth = Booth(clock, live=False)
    assert {block.captured_s for block in booth.listen()} == {None}
    assert booth.source.total_samples == len(booth.inner.sound)


@pytest.mark.parametrize("first_sample", [1, 100, 317, 16000, 47990])
def test_what_is_resumed_is_what_it_was(clock: FakeClock, first_sample: int) -> None:
    """A stream that goes on in the middle of a file gets the samples that it would have had."""
    whole = joined(Booth(clock, live=False).listen())
    np.testing.assert_array_equal(joined(Booth(clock, live=False).listen(first_sample)), whole[first_sample:])


def test_the_bypass_holds_from_the_next_block_on(clock: FakeClock) -> None:
    """The original comes through in its place, and is enhanced again afterwards."""
    booth = Booth(clock)
    whole, parts = joined(Booth(clock).listen()), []
    for number, block in enumerate(booth.source.blocks(threading.Event())):
        booth.control.set_bypassed(50 <= number < 100)
        parts.append(block.audio)
    switched, sound = np.concatenate(parts), booth.inner.sound
    middle, end = slice(60 * 317, 90 * 317), slice(110 * 317, None)
    np.testing.assert_array_equal(switched[middle], sound[middle])
    np.testing.assert_array_equal(switched[end], whole[end])


def test_the_level_before_is_measured(clock: FakeClock) -> None:
    """The meter tells the level of what came in; without enhancement it tells none."""
    booth = Booth(clock)
    assert booth.meter.stats().input_dbfs is None
    booth.listen()
    newest = booth.inner.sound[-640:]
    assert booth.meter.stats().input_dbfs == pytest.approx(10 * np.log10(np.mean(np.square(newest))), abs=0.01)


def test_voice_is_told_with_the_sound(clock: FakeClock) -> None:
    """Speech has it, silence after the hangover has not."""
    booth = Booth(clock)
    booth.inner.sound = np.concatenate([booth.inner.sound, np.zeros(SAMPLE_RATE, np.float32)])
    told = [block.speech for block in booth.listen()]
    assert np.mean(told[10:150]) > 0.8
    assert not any(told[-20:])


def test_closing_closes_what_is_within(clock: FakeClock) -> None:
    """The microphone or file is given back."""
    booth = Booth(clock)
    booth.source.close()
    assert booth.inner.closed
