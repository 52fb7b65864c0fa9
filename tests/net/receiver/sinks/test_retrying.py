import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from codec.chunks.streaming import Contribution
from codec.errors import AudioFileError
from codec.types import Audio
from net.protocol.messages import End
from net.receiver.sinks.retrying import KEPT_S, RetryingSink
from tests.clock import FakeClock

RATE = 100


class Disk:
    """A sink whose disk can fail."""

    def __init__(self) -> None:
        self.path = Path("out.wav")
        self.works = True
        self.written: list[Audio] = []
        self.closed = False

    def write(self, contribution: Contribution) -> None:
        if not self.works:
            raise AudioFileError("cannot write 'out.wav': No space left on device")
        self.written.append(np.array(contribution.audio))

    def write_gap(self, index: int, samples: int) -> None:
        self.write(Contribution(index, np.zeros(samples, np.float32)))

    def close(self, _end: End | None) -> None:
        self.closed = True


class Kept:
    """A retrying sink on a disk, fed with a second of sound at a time."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.disk = clock, Disk()
        self.told: list[tuple[str, bool]] = []
        self.sink = RetryingSink(self.disk, 0, RATE, clock, lambda text, loss: self.told.append((text, loss)))
        self.count = 0

    def feed(self, seconds: int) -> None:
        for _ in range(seconds):
            self.count += 1
            self.sink.write(Contribution(self.count, np.full(RATE, self.count, np.float32)))
            self.clock.advance(1.0)


@pytest.fixture
def kept(clock: FakeClock) -> Kept:
    return Kept(clock)


def test_a_healthy_disk_gets_everything_at_once(kept: Kept) -> None:
    """Nothing waits, nothing is told."""
    kept.feed(3)
    assert len(kept.disk.written) == 3
    assert kept.told == []


def test_sound_waits_for_a_full_disk_and_is_written_when_there_is_room(kept: Kept) -> None:
    """A short fault loses nothing; both its ends are told, once."""
    kept.feed(1)
    kept.disk.works = False
    kept.feed(10)
    kept.disk.works = True
    kept.feed(1)
    assert [int(audio[0]) for audio in kept.disk.written] == list(range(1, 13))
    assert [loss for _, loss in kept.told] == [False, False]
    assert "No space left" in kept.told[0][0]
    assert kept.sink.missing_samples == 0


def test_what_waits_too_long_is_given_up_as_silence_in_its_place(kept: Kept) -> None:
    """Memory is bounded; later sound keeps its place in time, and the loss is told at the end."""
    kept.disk.works = False
    kept.feed(int(KEPT_S) + 5)
    kept.disk.works = True
    kept.sink.close(None)
    sound = np.concatenate(kept.disk.written)
    assert len(sound) == (KEPT_S + 5) * RATE
    assert (sound[: 5 * RATE] == 0).all()
    assert sound[5 * RATE] == 6
    assert kept.sink.missing_samples == 5 * RATE
    assert kept.told[-1][1]
    assert "5.0 s" in kept.told[-1][0]


def test_a_disk_that_never_comes_back_is_told_at_the_end(kept: Kept) -> None:
    """What could not be saved is counted, and closing raises nothing."""
    kept.feed(2)
    kept.disk.works = False
    kept.feed(3)
    kept.sink.close(None)
    assert kept.sink.missing_samples == 3 * RATE
    assert kept.disk.closed


def test_a_disk_that_fails_for_days_fills_no_memory(kept: Kept) -> None:
    """What was given up is remembered as so many contributions of one length, however many these are."""
    kept.disk.works = False
    tracemalloc.start()
    try:
        kept.feed(int(KEPT_S) + 100)
        before, _ = tracemalloc.get_traced_memory()
        kept.feed(2000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000
    kept.disk.works = True
    kept.feed(1)
    assert len(kept.disk.written) == kept.count
