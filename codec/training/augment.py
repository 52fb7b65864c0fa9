"""Clips as other microphones, rooms and speakers would give them.

The paper trains on a large corpus without augmentation; the speech at hand has few rooms and microphones, and a model
must not fall apart where it has never been. Everything is made here from random numbers. Sound is float32 `[samples]`.
"""

import numpy as np

from codec.types import Audio

SPEED_RANGE = (0.9, 1.1)
SPEED_SHARE = 0.4
FILTER_SHARE = 0.3
FILTER_DB = 5.0
FILTER_KNOTS = 5
NOISE_SHARE = 0.15
NOISE_DBFS = (-75.0, -45.0)
ROOM_SHARE = 0.1
ROOM_DECAY_S = (0.1, 0.5)
ROOM_LEVEL_DB = (-25.0, -8.0)
LEVEL_DBFS = (-32.0, -14.0)
PEAK = 0.99
QUIET = 1e-3


def vary(sound: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:
    """Speed, colour, room and noise by chance; the result may be up to a tenth shorter or longer."""
    if rng.random() < SPEED_SHARE:
        sound = change_speed(sound, rng.uniform(*SPEED_RANGE))
    if rng.random() < FILTER_SHARE:
        sound = colour(sound, rng.uniform(-FILTER_DB, FILTER_DB, FILTER_KNOTS))
    if rng.random() < ROOM_SHARE:
        sound = reverberate(sound, sample_rate, rng)
    if rng.random() < NOISE_SHARE:
        noise = rng.standard_normal(len(sound), dtype=np.float32)
        sound = sound + noise * np.float32(10 ** (rng.uniform(*NOISE_DBFS) / 20))
    return sound


def at_level(sound: Audio, rng: np.random.Generator) -> Audio:
    """The sound at a level by chance, and not beyond full scale; near-silence stays near-silent."""
    rms, peak = float(np.sqrt(np.mean(sound**2))), float(np.abs(sound).max())
    gain = 10 ** (rng.uniform(*LEVEL_DBFS) / 20) / max(rms, QUIET)
    return sound * np.float32(min(gain, PEAK / max(peak, QUIET)))


def change_speed(sound: Audio, speed: float) -> Audio:
    """Play `speed` times as fast: pitch and tempo together, as another speaker would sound."""
    samples = round(len(sound) / speed)
    spectrum = np.fft.rfft(sound)
    return (np.fft.irfft(spectrum[: samples // 2 + 1], samples) * (samples / len(sound))).astype(np.float32)


def colour(sound: Audio, knots_db: np.ndarray) -> Audio:
    """Filter with gains in dB that run smoothly through `knots_db`, spread evenly over the root of frequency."""
    spectrum = np.fft.rfft(sound)
    place = np.linspace(0, 1, len(spectrum)) ** 0.5
    gains_db = np.interp(place, np.linspace(0, 1, len(knots_db)), knots_db)
    return np.fft.irfft(spectrum * 10 ** (gains_db / 20), len(sound)).astype(np.float32)


def reverberate(sound: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:
    """Add the tail of a room: noise that decays, below the direct sound."""
    decay_s = rng.uniform(*ROOM_DECAY_S)
    time_s = np.arange(int(decay_s * sample_rate)) / sample_rate
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / decay_s)
    tail *= 10 ** (rng.uniform(*ROOM_LEVEL_DB) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    length = len(sound) + len(tail)
    echoed = np.fft.irfft(np.fft.rfft(sound, length) * np.fft.rfft(tail, length), length)
    return echoed[: len(sound)].astype(np.float32)
