import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from codec.errors import IncompleteSound
from codec.types import Audio
from net.sender.sources import MAX_STREAM_SAMPLES, FileSource
from net.telemetry.events import EventLog
from net.telemetry.stats import Severity
from tests.clock import FakeClock
from tests.codec.sound.sounds import RATE, coded, damaged, noise, pcm16, wav, without_length


def read(source: FileSource, first_sample: int = 0) -> Audio:
    blocks = [block.audio for block in source.blocks(threading.Event(), first_sample)]
    source.close()
    assert max(map(len, blocks)) <= RATE // 10
    return np.concatenate(blocks)


def warnings(events: EventLog) -> list[str]:
    return [event.text for event in events.since(0) if event.severity is Severity.WARNING]


def test_a_file_is_given_in_short_blocks_from_any_sample_on(tmp_path: Path, clock: FakeClock) -> None:
    """Nothing is told of a file that is as it says."""
    sound, events = noise(2.5), EventLog(clock)
    (tmp_path / "a.wav").write_bytes(wav(pcm16(sound)))
    for first in (0, 17, 2 * RATE):
        source = FileSource(tmp_path / "a.wav", events)
        np.testing.assert_allclose(read(source, first), sound[first:], atol=1e-4)
        assert source.total_samples == len(sound)
    assert warnings(events) == []


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path, clock: FakeClock) -> None:
    """What was sent may be part old, part new: an event says so."""
    path, events = tmp_path / "a.wav", EventLog(clock)
    path.write_bytes(wav(pcm16(noise(1.0))))
    with closing(FileSource(path, events)) as source:
        blocks = source.blocks(threading.Event())
        next(blocks)
        path.write_bytes(wav(pcm16(noise(1.5))))
        assert list(blocks)
    assert any("the file changed while it was read" in text for text in warnings(events))


def test_a_length_is_corrected_while_the_file_is_read(tmp_path: Path, clock: FakeClock) -> None:
    """A header that counts too little holds until more is there; then the length is unknown, and at the end known."""
    sound, events = noise(3.0), EventLog(clock)
    (tmp_path / "a.wav").write_bytes(wav(pcm16(sound), data_bytes=16000))
    with closing(FileSource(tmp_path / "a.wav", events)) as source:
        assert source.total_samples == RATE // 2
        blocks = source.blocks(threading.Event())
        next(blocks)
        assert source.total_samples is None
        assert sum(len(block.audio) for block in blocks) == len(sound) - RATE // 10
    assert source.total_samples == len(sound)
    assert warnings(events) == ["a.wav: it states a length of 0.50 s and holds 3.00 s: all of it is read"]


def test_a_length_that_no_stream_can_have_is_unknown(tmp_path: Path, clock: FakeClock) -> None:
    """HELLO says nothing of a FLAC file whose header does not count, or counts more than four days."""
    flac = coded(noise(1.0), "FLAC")
    impossible = flac[:21] + bytes([flac[21] | 0x0F]) + b"\xff" * 4 + flac[26:]
    assert MAX_STREAM_SAMPLES < 2**36 - 1
    for data in (without_length(flac), impossible):
        (tmp_path / "a.flac").write_bytes(data)
        source = FileSource(tmp_path / "a.flac", EventLog(clock))
        assert source.total_samples is None
        source.close()


def test_what_is_missing_is_an_error_after_the_last_block(tmp_path: Path, clock: FakeClock) -> None:
    """All that can be read comes before it."""
    events = EventLog(clock)
    (tmp_path / "a.flac").write_bytes(damaged(coded(noise(4.0), "FLAC"), 0.5))
    given: list[Audio] = []
    with closing(FileSource(tmp_path / "a.flac", events)) as source:
        blocks = (block.audio for block in source.blocks(threading.Event()))
        with pytest.raises(IncompleteSound, match=r"a\.flac: 0\.\d+ s of 4\.00 s are missing"):
            given.extend(blocks)
    assert sum(map(len, given)) == source.total_samples > 3.6 * RATE
    assert warnings(events) == []
