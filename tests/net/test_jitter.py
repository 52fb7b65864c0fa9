import numpy as np
import pytest

from net.jitter import GROWTH_MS, JitterBuffer

RATE = 16000
BLOCK = 2560  # 160 ms
PULL = 160  # 10 ms


def tone(start: int, samples: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 220 * np.arange(start, start + samples) / RATE)).astype(np.float32)


def play(buffer: JitterBuffer, arrivals_ms: list[float], until_ms: int, block: int = BLOCK) -> np.ndarray:
    """Pull 10 ms at a time; block k of a tone arrives at its time."""
    out = []
    waiting = list(enumerate(arrivals_ms))
    for now_ms in range(0, until_ms, 10):
        while waiting and waiting[0][1] <= now_ms:
            index, _ = waiting.pop(0)
            buffer.push(tone(index * block, block), index)
        out.append(buffer.pull(PULL))
    return np.concatenate(out)


def steady(count: int, every_ms: float = 160.0) -> list[float]:
    return [k * every_ms for k in range(count)]


def test_it_starts_when_steady_arrivals_leave_the_target_as_reserve() -> None:
    """Playing starts `target` after the first block, and from then on the sound is whole."""
    buffer = JitterBuffer(RATE, 100, live=True)
    out = play(buffer, steady(20), 3200)
    start = int(np.flatnonzero(out)[0])
    assert start == pytest.approx(0.1 * RATE, abs=2)
    assert buffer.counts.underruns == 0
    heard = out[start - 1 + 100 :]
    assert np.allclose(heard, tone(100, len(heard)), atol=1e-6)
    assert buffer.drift.reserve_ms == pytest.approx(100, abs=10)


def test_a_late_block_is_one_underrun_with_fades_and_raises_the_target() -> None:
    """A gap falls and rises softly, is counted once, and what follows waits by the lateness, not longer."""
    buffer = JitterBuffer(RATE, 60, live=True)
    arrivals = [at + (400 if k >= 10 else 0) for k, at in enumerate(steady(30))]
    out = play(buffer, arrivals, 5000)
    assert buffer.counts.underruns == 1
    assert buffer.target_ms >= 60 + GROWTH_MS
    assert np.abs(np.diff(out)).max() < 0.15  # a 220 Hz tone steps by 0.043 at most; a fade adds little
    assert buffer.counts.played_samples + buffer.counts.silence_samples == len(out) - 60 * 16
    assert buffer.counts.silence_samples == pytest.approx((400 - 60 + GROWTH_MS) * 16, abs=3 * PULL)


def test_the_end_is_played_out_and_is_no_underrun() -> None:
    """After `finish` the last sample is given, and silence after it counts nothing."""
    buffer = JitterBuffer(RATE, 200, live=False)
    buffer.push(tone(0, 1000), 0)
    buffer.finish()
    out = np.concatenate([buffer.pull(PULL) for _ in range(20)])
    assert np.count_nonzero(out) >= 999
    assert buffer.drained
    assert buffer.counts.underruns == 0
    assert buffer.played_chunks == 1


def test_a_calm_while_lowers_a_raised_target_to_what_was_asked_for() -> None:
    """The target shrinks slowly to its floor when nothing is late any more."""
    buffer = JitterBuffer(RATE, 60, live=True)
    arrivals = [at + (200 if k >= 10 else 0) for k, at in enumerate(steady(900))]
    play(buffer, arrivals[:20], 3300)
    raised_ms = buffer.target_ms
    assert raised_ms > 60
    for k in range(900):
        buffer.push(tone(0, BLOCK), k)
        for _ in range(16):
            buffer.pull(PULL)
    assert buffer.target_ms == 60
    assert buffer.counts.underruns == 1


def test_live_sound_far_beyond_the_target_is_skipped_and_counted() -> None:
    """A burst after a stall does not become latency: the oldest sound is left out with a soft cut."""
    buffer = JitterBuffer(RATE, 100, live=True)
    play(buffer, steady(10), 1600)
    for k in range(10, 30):
        buffer.push(tone(k * BLOCK, BLOCK), k)
    assert buffer.depth_ms < 100 + 160 + 310
    assert buffer.counts.skipped_samples > 2 * RATE
    out = np.concatenate([buffer.pull(PULL) for _ in range(20)])
    assert np.abs(np.diff(out)).max() < 0.15


def test_a_file_sent_at_once_is_kept_whole() -> None:
    """Sound that is not live waits for its turn, however early it comes."""
    buffer = JitterBuffer(RATE, 200, live=False)
    for k in range(100):
        buffer.push(tone(k * BLOCK, BLOCK), k)
    buffer.finish()
    out = np.concatenate([buffer.pull(PULL) for _ in range(1600)])
    assert buffer.drained
    assert buffer.counts.skipped_samples == 0
    assert np.allclose(out[100:], tone(100, len(out) - 100), atol=1e-6)


def test_capture_times_follow_the_sound() -> None:
    """`captured_s` is the capture time of the sample that was given out last."""
    buffer = JitterBuffer(RATE, 0, live=True)
    buffer.push(tone(0, BLOCK), 0, captured_s=10.0)
    buffer.pull(PULL)
    assert buffer.captured_s == pytest.approx(10.0 - 0.150)
