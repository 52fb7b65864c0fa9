import numpy as np
import pytest

from net.audio.drift import MAX_SPEED
from net.audio.jitter import JitterBuffer
from net.audio.variable_resampler import VariableResampler

RATE = 16000
BLOCK = 2560
HOUR_S = 3600


@pytest.mark.parametrize("drift_ppm", [200, -200])
def test_a_drifting_device_clock_neither_starves_nor_fills_the_buffer(drift_ppm: int) -> None:
    """For an hour at 200 ppm: no underrun or skip, a steady depth and speed, and the drift is found."""
    buffer = JitterBuffer(RATE, 100, live=True)
    sound = np.zeros(BLOCK, np.float32)
    rng = np.random.default_rng(1)
    pull_s = 0.1 / (1 - drift_ppm * 1e-6)
    next_arrival_s = 0.0
    owed, reserves, speeds = 0.0, [], []
    for step in range(int(HOUR_S / pull_s)):
        now_s = step * pull_s
        while next_arrival_s + rng.uniform(0, 0.02) <= now_s:
            buffer.push(sound)
            next_arrival_s += BLOCK / RATE
        owed += 0.1 * RATE * (1 + buffer.drift.speed)
        buffer.pull(int(owed))
        owed -= int(owed)
        reserves.append(buffer.drift.reserve_ms or 0.0)
        speeds.append(buffer.drift.speed)
    late = reserves[len(reserves) // 10 :]
    assert buffer.counts.underruns == 0
    assert buffer.counts.skipped_samples == 0
    assert max(late) - min(late) < 100
    assert abs(late[-1] - late[0]) < 60
    assert buffer.drift.drift_ppm == pytest.approx(drift_ppm, abs=60)
    assert np.abs(speeds).max() < MAX_SPEED / 5
    assert np.abs(np.diff(speeds)).max() < 2e-4


def test_equal_clocks_are_left_alone() -> None:
    """With no drift and 15 ms of jitter the speed is exactly 0: sound passes unchanged."""
    buffer = JitterBuffer(RATE, 100, live=True)
    rng = np.random.default_rng(2)
    lateness_s = 0.0
    next_arrival_s = 0.0
    for step in range(6000):
        if next_arrival_s + lateness_s <= step * 0.01:
            buffer.push(np.zeros(BLOCK, np.float32))
            next_arrival_s += BLOCK / RATE
            lateness_s = rng.uniform(0, 0.015)
        buffer.pull(160)
        assert buffer.drift.speed == 0.0
    assert buffer.counts.underruns == 0


def test_a_busy_while_is_not_taken_for_drift() -> None:
    """Sound that is late by up to 70 ms, for 20 s of each minute, leaves the speed at exactly 0."""
    buffer = JitterBuffer(RATE, 100, live=True)
    rng = np.random.default_rng(6)
    lateness_s = next_arrival_s = 0.0
    for step in range(18_000):
        now_s = step * 0.01
        if next_arrival_s + lateness_s <= now_s:
            buffer.push(np.full(BLOCK, 0.1, np.float32))
            next_arrival_s += BLOCK / RATE
            busy = now_s % 60 > 40
            lateness_s = rng.uniform(0, 0.07 if busy else 0.005) if rng.uniform() < 0.9 else 0.0
        buffer.pull(160)
        assert buffer.drift.speed == 0.0
    assert (buffer.counts.underruns, buffer.counts.skipped_samples) == (0, 0)


@pytest.mark.parametrize("out_rate", [8000, 16000, 44100, 48000])
def test_a_tone_comes_through_at_another_rate(out_rate: int) -> None:
    """Blocks of changing length give one unbroken tone: what is not the tone is 60 dB below it."""
    resampler = VariableResampler(RATE, out_rate)
    position = 0

    def read(samples: int) -> np.ndarray:
        nonlocal position
        position += samples
        return np.sin(2 * np.pi * 997 * np.arange(position - samples, position) / RATE).astype(np.float32)

    sizes = np.random.default_rng(3).integers(1, 700, 60)
    out = np.concatenate([resampler.render(int(size), read) for size in sizes])[400:]
    assert _residual_db(out, 997 / out_rate) < -60


def test_a_change_of_speed_leaves_no_step() -> None:
    """The largest step between samples is that of the tone itself while the speed goes from −0.5 % to 0.5 %."""
    resampler = VariableResampler(RATE, 48000)
    position = 0

    def read(samples: int) -> np.ndarray:
        nonlocal position
        position += samples
        return np.sin(2 * np.pi * 440 * np.arange(position - samples, position) / RATE).astype(np.float32)

    speeds = np.linspace(-MAX_SPEED, MAX_SPEED, 200)
    parts = [resampler.render(480, read, float(speed)) for speed in speeds]
    out = np.concatenate(parts)[200:]
    assert np.abs(np.diff(out, 2)).max() < 1.1 * (2 * np.pi * 440 / 48000) ** 2


def test_speed_zero_at_equal_rates_changes_nothing() -> None:
    """A device at the stream's rate plays the stream's samples, delayed by the filter's half length."""
    resampler = VariableResampler(RATE, RATE)
    sound = np.random.default_rng(4).normal(0, 0.1, 4000).astype(np.float32)
    rendered = resampler.render(4000, lambda n: sound[:n])
    delay = int(resampler.delay_samples)
    assert np.allclose(rendered[delay:], sound[: 4000 - delay], atol=2e-7)


def _residual_db(out: np.ndarray, frequency: float) -> float:
    phase = 2 * np.pi * frequency * np.arange(len(out))
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, out, rcond=None)
    return float(20 * np.log10(np.std(out - basis @ fit) / np.std(out)))
