import numpy as np
import pytest

from net.audio.excess_delay import NEGLIGIBLE_MS, PATIENCE_S
from net.audio.jitter import JitterBuffer
from net.audio.target_delay import GROWTH_MS
from net.audio.time_scaling import PeakLevel, best_cut_length, cut, longest_pause

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


@pytest.mark.parametrize(("target_ms", "block_ms"), [(80, 80), (400, 160), (200, 960)])
def test_the_reserve_is_the_target_for_short_and_long_blocks(target_ms: float, block_ms: int) -> None:
    """However many blocks fit the target, it is what is left when the next one arrives."""
    buffer = JitterBuffer(RATE, target_ms, live=True)
    play(buffer, steady(60, block_ms), 60 * block_ms, block_ms * 16)
    assert buffer.counts.underruns == 0
    assert buffer.drift.reserve_ms == pytest.approx(target_ms, abs=10)


def test_a_late_block_is_one_underrun_with_fades_and_raises_the_target() -> None:
    """A gap falls and rises softly, is counted once, and what follows waits by the lateness, not longer."""
    buffer = JitterBuffer(RATE, 60, live=True)
    arrivals = [at + (400 if k >= 10 else 0) for k, at in enumerate(steady(30))]
    out = play(buffer, arrivals, 5000)
    assert buffer.counts.underruns == 1
    assert buffer.target.jitter_ms >= 60 + GROWTH_MS
    assert np.abs(np.diff(out)).max() < 0.15  # a 220 Hz tone steps by 0.043 at most; a fade adds little
    assert buffer.counts.played_samples + buffer.counts.silence_samples == len(out) - 60 * 16
    assert buffer.counts.silence_samples == pytest.approx((400 - 60 + GROWTH_MS) * 16, abs=3 * PULL)


@pytest.mark.parametrize(("late_ms", "grown_ms"), [(5, GROWTH_MS), (60, 60), (600, 100), (3000, 0)])
def test_the_target_grows_with_lateness_but_not_by_an_outage(late_ms: float, grown_ms: float) -> None:
    """A target of 400 ms grows by what the sound was too late, a quarter at most; a pause of seconds is no jitter."""
    buffer = JitterBuffer(RATE, 400, live=True)
    play(buffer, [at + (400 + late_ms if k >= 20 else 0) for k, at in enumerate(steady(60))], 8000)
    assert buffer.counts.underruns == 1
    assert buffer.target.jitter_ms - 400 == pytest.approx(grown_ms, abs=20)


def test_a_device_that_sleeps_hears_everything() -> None:
    """A device that takes 2 s of sound every 2 s is cut and dry for two rounds: then so much more is held for it."""
    buffer = JitterBuffer(RATE, 80, live=True)
    later = None
    for now_ms in range(0, 40_000, 10):
        if now_ms % 160 == 0:
            buffer.push(tone(now_ms * 16, BLOCK), now_ms // 160)
        if now_ms % 2000 == 0:
            buffer.target.observe_pull(2.0)
            for _ in range(200):
                buffer.pull(PULL)
        if now_ms == 10_000:
            later = buffer.counts
    assert later is not None
    assert later.underruns <= 3
    assert (buffer.counts.underruns, buffer.counts.silence_samples) == (later.underruns, later.silence_samples)
    assert buffer.counts.skipped_samples == later.skipped_samples
    assert buffer.target.total_ms == buffer.target.jitter_ms + 2000


def test_a_device_that_was_late_once_does_not_sleep() -> None:
    """One long pause of the device holds nothing back, and two that lie far apart do not either."""
    buffer = JitterBuffer(RATE, 80, live=True)
    buffer.target.observe_pull(2.0)
    for _ in range(4000):
        buffer.target.observe_pull(0.01)
    buffer.target.observe_pull(2.0)
    assert buffer.target.total_ms == 80


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
    raised_ms = buffer.target.jitter_ms
    assert raised_ms > 60
    for k in range(900):
        buffer.push(tone(0, BLOCK), k)
        for _ in range(16):
            buffer.pull(PULL)
    assert buffer.target.jitter_ms == 60
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


def after_an_outage(sound: np.ndarray, until_ms: int) -> tuple[JitterBuffer, np.ndarray, list[float]]:
    """Pull 10 ms at a time; 320 ms of blocks come 250 ms late. Returns the sound and how old it was at each pull."""
    buffer, out, ages_ms = JitterBuffer(RATE, 80, live=True), [], []
    arrivals_ms = [at + (410 - 160 * (k - 10) if k in (10, 11) else 0) for k, at in enumerate(steady(until_ms // 160))]
    for now_ms in range(0, until_ms, 10):
        while arrivals_ms and arrivals_ms[0] <= now_ms:
            arrivals_ms.pop(0)
            index = until_ms // 160 - len(arrivals_ms) - 1
            buffer.push(sound[index * BLOCK :][:BLOCK], index, (index + 1) * 0.16)
        out.append(buffer.pull(PULL))
        ages_ms.append(now_ms - (buffer.captured_s or 0.0) * 1000)
    return buffer, np.concatenate(out), ages_ms


def test_what_an_outage_has_added_is_left_out_within_seconds() -> None:
    """Even in sound without a pause latency is back soon, counted as skipped, without a click, and does not grow."""
    buffer, out, ages_ms = after_an_outage(tone(0, 20 * RATE), 12_000)
    assert buffer.counts.underruns == 1
    assert max(ages_ms[200:300]) > ages_ms[100] + 150
    settled = ages_ms[int(200 + (PATIENCE_S + 2.0) * 100) :]
    assert max(settled) <= ages_ms[100] + NEGLIGIBLE_MS + GROWTH_MS
    assert buffer.counts.skipped_samples > 0.1 * RATE
    assert buffer.counts.underruns == 1
    assert np.abs(np.diff(out)).max() < 0.15


def test_excess_delay_is_cut_out_of_pauses_where_there_are_any() -> None:
    """Words keep their lengths: only the pauses between them become shorter."""
    word, pause = 4800, 3200
    sound = tone(0, 20 * RATE) * (np.arange(20 * RATE) % (word + pause) < word)
    buffer, out, ages_ms = after_an_outage(sound, 12_000)
    assert buffer.counts.skipped_samples > 0.1 * RATE
    assert max(ages_ms[500:]) <= ages_ms[100] + NEGLIGIBLE_MS + GROWTH_MS
    loud = np.convolve(np.abs(out) > 0.01, np.ones(100), "same") > 0
    starts, stops = np.flatnonzero(np.diff(loud.astype(int)) == 1), np.flatnonzero(np.diff(loud.astype(int)) == -1)
    lengths = (stops[: len(starts)] - starts[: len(stops)])[10:]
    assert np.abs(lengths - word).max() < 250
    assert np.abs(np.diff(out)).max() < 0.15


def test_pauses_are_found_beside_what_is_loud() -> None:
    """A pause is what is far below the loudest of late, and is found whole, to 10 ms."""
    peak = PeakLevel(RATE)
    peak.push(tone(0, RATE))
    sound = np.concatenate([tone(0, 1600), 0.005 * tone(0, 800), tone(0, 800), 0.005 * tone(0, 1600), tone(0, 480)])
    assert longest_pause(sound, RATE, peak.quiet_below) == (3200, 1600)
    assert longest_pause(tone(0, 1600), RATE, peak.quiet_below) == (0, 0)


def test_a_cut_is_made_where_the_ends_fit() -> None:
    """Of a tone whole periods are left out, and what is left is the tone."""
    sound = tone(0, 4000)
    length = best_cut_length(sound, 80, 1000, 1200)
    assert 1000 <= length <= 1200
    assert length * 220 / RATE == pytest.approx(round(length * 220 / RATE), abs=0.02)
    left = cut(sound, 0, length, 80)
    assert len(left) == 4000 - length
    assert np.abs(np.diff(left, 2)).max() < 0.5 * (2 * np.pi * 220 / RATE) ** 2 * 1.2
