"""The jitter buffer: takes sound as the network brings it, gives it as the device plays it.

Pure and without a clock: time is the samples that were pulled. The buffer's *reserve* is what is left when the next
sound arrives; its target is the reserve that it wants. It starts to play so long after the first sound that steady
arrivals leave the target as reserve. Sound that comes too late leaves a gap (silence with short fades, counted), moves
all that follows by its lateness, and raises the target; a calm while lowers it again, not below what jitter needs.
Live sound is brought back to the target: what was left over for a second is left out, in a pause if one comes soon.
A device that sleeps between pulls has as much more held for it as it takes at once (`net.audio.device_sleep`).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from codec.types import Audio
from net.audio.device_sleep import DeviceSleep
from net.audio.drift import DriftControl
from net.audio.excess_delay import ExcessDelay
from net.audio.time_scaling import Loudness, best_fit, longest_pause, spliced

FADE_MS = 5
GROWTH = 0.25
GROWTH_MS = 20.0
"""After an underrun the target grows by how late the sound was, but by no more than a quarter, or 20 ms."""
OUTAGE_MS = 1500.0
"""Sound that is later than this was interrupted or paused: that is no jitter."""
MAX_TARGET_MS = 1500.0
CALM_S = 30.0
SHRINK_PER_S = 0.02
JITTER_MARGIN_MS = 20.0
SKIP_BEYOND_MS = 300.0
SHORTEST_CUT_MS = 20.0
"""Shorter pauses are left as they are."""
FIT_WITHIN_MS = 12.5
"""How much less than wanted is left out where there is no pause, so that the ends fit: a period of a low voice."""
LIVE_CAPACITY_S = 30.0
FILE_CAPACITY_S = 1800.0


@dataclass(frozen=True, slots=True)
class JitterCounts:
    """What became of the sound. Samples are the stream's."""

    underruns: int = 0
    played_samples: int = 0
    skipped_samples: int = 0
    silence_samples: int = 0


@dataclass(slots=True, eq=False)
class _Piece:
    audio: Audio
    index: int
    captured_s: float | None


class _RecentLowest:
    """The lowest value of the last 30 to 60 s."""

    def __init__(self) -> None:
        self._current = self._before = float("inf")
        self._elapsed_s = 0.0

    def add(self, value: float, elapsed_s: float) -> None:
        self._elapsed_s += elapsed_s
        if self._elapsed_s >= CALM_S:
            self._before, self._current, self._elapsed_s = self._current, float("inf"), 0.0
        self._current = min(self._current, value)

    @property
    def value(self) -> float:
        return min(self._current, self._before)


class JitterBuffer:
    """Holds mono sound between an irregular writer and a steady reader; not thread-safe.

    `live` sound is kept near the target: speed is chosen against drift, and what is far beyond is skipped. Other
    sound (a file sent as fast as it goes) just waits for its turn.
    """

    def __init__(self, sample_rate: int, target_ms: float, *, live: bool) -> None:
        self._rate, self._live = sample_rate, live
        self._floor_ms = self.target_ms = target_ms
        self._pieces: deque[_Piece] = deque()
        self._capacity = int((LIVE_CAPACITY_S if live else FILE_CAPACITY_S) * sample_rate)
        self._fade = sample_rate * FADE_MS // 1000
        self._fall = np.linspace(1, 0, self._fade + 2, dtype=np.float32)[1:-1]
        self.depth_samples = 0
        self._largest = 0
        self._playing = self._started = self._finished = False
        self._waited = self._late = 0
        self._last_value = np.float32(0)
        self._since_arrival = 0
        self._calm = 0
        self._lowest = _RecentLowest()
        self._underruns = self._played = self._skipped = self._silence = 0
        self._surplus = ExcessDelay()
        self._sleep = DeviceSleep()
        self._loudness = Loudness(sample_rate)
        self.drift = DriftControl()
        self.played_chunks = 0
        """Chunks whose sound has been given out to its end."""
        self.captured_s: float | None = None
        """When the newest sound that was given out was captured, as its writer told."""

    @property
    def playing(self) -> bool:
        """Whether sound is given out, rather than silence while the buffer fills."""
        return self._playing

    @property
    def depth_ms(self) -> float:
        """How much sound the buffer holds."""
        return self.depth_samples * 1000 / self._rate

    @property
    def held_ms(self) -> float:
        """The reserve that is wanted: the target, and what a device that sleeps takes at once."""
        return self.target_ms + self._sleep.sleep_ms

    @property
    def drained(self) -> bool:
        """Whether all sound of a finished stream has been given out."""
        return self._finished and not self.depth_samples

    @property
    def counts(self) -> JitterCounts:
        """What became of the sound so far."""
        return JitterCounts(self._underruns, self._played, self._skipped, self._silence)

    def push(self, audio: Audio, index: int = 0, captured_s: float | None = None) -> None:
        """Take sound that has arrived: part of chunk `index`, its last sample captured at `captured_s`."""
        if not len(audio):
            return
        if self._playing and self._since_arrival:
            self._observe_reserve()
        self._since_arrival = 0
        self._loudness.push(audio)
        self._pieces.append(_Piece(audio, index, captured_s))
        self.depth_samples += len(audio)
        self._largest = max(self._largest, len(audio))
        excess = self.depth_samples - self._largest - self._to_samples(self.held_ms)
        if self._live and self._started and excess > self._to_samples(SKIP_BEYOND_MS):
            self._skip(excess)
        elif self.depth_samples > self._capacity:
            self._skip(self.depth_samples - self._capacity)
        elif self._live and self._playing:
            self._catch_up()

    def device_paused(self, pause_s: float) -> None:
        """Take how long the device has waited since its last pull, before it pulls again."""
        self._sleep.observe(pause_s)

    def finish(self) -> None:
        """Say that no more sound will come: what is left is given out, and its end is no underrun."""
        self._finished = True

    def rejoin(self) -> None:
        """The device is back: begin anew, live sound with its newest."""
        self._playing = False
        self._waited = self._late = 0
        excess = self.depth_samples - self._largest - self._to_samples(self.held_ms)
        if self._live and excess > 0:
            self._skip(excess)

    def pull(self, samples: int) -> Audio:
        """Give out so many samples: sound if there is any and it is time, silence otherwise."""
        if not self._playing and self._ready():
            self._playing = self._started = True
            return self._resume(samples)
        if not self._playing:
            return self._wait(samples)
        self._since_arrival += samples
        self._grow_calm(samples)
        if self.depth_samples >= samples:
            return self._take(samples)
        return self._run_dry(samples)

    def _ready(self) -> bool:
        if not self.depth_samples:
            return False
        wanted_ms = GROWTH_MS if self._started else self.target_ms
        wanted = self._to_samples(wanted_ms + self._sleep.sleep_ms)
        return self._finished or self._waited >= wanted or self.depth_samples >= self._largest + wanted

    def _wait(self, samples: int) -> Audio:
        if self.depth_samples:
            self._waited += samples
        elif self._late:
            self._late += samples
        if self._started and not self._finished:
            self._silence += samples
        return np.zeros(samples, np.float32)

    def _resume(self, samples: int) -> Audio:
        if self._late:
            self._grow(self._late * 1000 / self._rate)
        self._waited = self._late = 0
        self._since_arrival = samples
        if self.depth_samples < samples:
            return self._run_dry(samples)
        audio = self._take(samples)
        fade = min(self._fade, samples)
        audio[:fade] *= self._fall[::-1][:fade]
        return audio

    def _run_dry(self, samples: int) -> Audio:
        """Give out what is left, fade from there to silence, and fill anew."""
        audio = self._take(self.depth_samples)
        fade = min(self._fade, samples - len(audio))
        silence = np.zeros(samples - len(audio), np.float32)
        silence[:fade] = self._last_value * self._fall[:fade]
        self._last_value = np.float32(0)
        self._playing = False
        if not self._finished:
            self._silence += len(silence)
            self._late = len(silence)
            self._count_underrun()
        return np.concatenate([audio, silence])

    def _count_underrun(self) -> None:
        self._underruns += 1
        self._calm = 0
        self._lowest = _RecentLowest()
        self._surplus.reset()
        self.drift.reset()

    def _grow(self, late_ms: float) -> None:
        """Raise the target after an underrun."""
        if late_ms <= OUTAGE_MS:
            growth_ms = max(GROWTH_MS, min(late_ms, self.target_ms * GROWTH))
            self.target_ms = max(self.target_ms, min(MAX_TARGET_MS, self.target_ms + growth_ms))

    def _take(self, samples: int) -> Audio:
        taken: list[Audio] = []
        missing = samples
        while missing:
            piece = self._pieces[0]
            head, piece.audio = piece.audio[:missing], piece.audio[missing:]
            taken.append(head)
            missing -= len(head)
            if piece.captured_s is not None:
                self.captured_s = piece.captured_s - len(piece.audio) / self._rate
            if not len(piece.audio):
                self.played_chunks = max(self.played_chunks, piece.index + 1)
                self._pieces.popleft()
        self.depth_samples -= samples
        self._played += samples
        audio = np.concatenate(taken) if taken else np.zeros(0, np.float32)
        if samples:
            self._last_value = audio[-1]
        return audio

    def _skip(self, samples: int) -> None:
        """Leave out the oldest sound, with a short cross-fade over the cut."""
        self._leave_out(0, samples, self._fade if self._playing else 0)
        self._surplus.reset()
        self.drift.reset()

    def _catch_up(self) -> None:
        """Leave out a lasting surplus: from a pause that is at hand, or after a while anywhere, where the ends fit."""
        surplus = self._to_samples(self._surplus.surplus_ms(self.held_ms))
        if not surplus:
            return
        held = np.concatenate([piece.audio for piece in self._pieces])
        start, pause = longest_pause(held, self._rate, self._loudness.quiet_below)
        length = min(surplus, pause - 2 * self._fade)
        if length >= self._to_samples(SHORTEST_CUT_MS):
            self._leave_out(start + self._fade, length, self._fade)
        elif self._surplus.is_urgent:
            length = best_fit(held, self._fade, surplus - self._to_samples(FIT_WITHIN_MS), surplus)
            self._leave_out(0, length, self._fade)
        else:
            return
        self._surplus.left_out(length * 1000 / self._rate)
        self.drift.reset()

    def _leave_out(self, start: int, samples: int, fade: int) -> None:
        """Take so many samples out of what is held, with a cross-fade over the cut."""
        pieces: list[_Piece] = []
        while self._pieces and sum(len(piece.audio) for piece in pieces) < start + samples + fade:
            pieces.append(self._pieces.popleft())
        held = spliced(np.concatenate([piece.audio for piece in pieces]), start, samples, fade)
        end = sum(len(piece.audio) for piece in pieces)
        for piece in reversed(pieces):
            begin = end - len(piece.audio)
            kept = max(0, min(end, start) - begin) + max(0, end - max(begin, start + samples))
            piece.audio, held = held[len(held) - kept :], held[: len(held) - kept]
            if kept:
                self._pieces.appendleft(piece)
            elif not start:
                self.played_chunks = max(self.played_chunks, piece.index + 1)
            end = begin
        self.depth_samples -= samples
        self._skipped += samples

    def _observe_reserve(self) -> None:
        reserve_ms = self.depth_ms
        elapsed_s = self._since_arrival / self._rate
        self._lowest.add(reserve_ms, elapsed_s)
        if self._live:
            self._surplus.observe(reserve_ms, elapsed_s)
            if not self._sleep.sleep_ms:  # otherwise the reserve rises and falls by what is taken at once
                self.drift.observe(reserve_ms, self.target_ms, elapsed_s)

    def _grow_calm(self, samples: int) -> None:
        """After a calm while, lower the target towards what was asked for, as far as jitter allows."""
        self._calm += samples
        if self._calm < CALM_S * self._rate or self.target_ms <= self._floor_ms:
            return
        mean_ms = self.drift.reserve_ms
        spread_ms = 0.0 if mean_ms is None else max(0.0, mean_ms - self._lowest.value)
        needed_ms = max(self._floor_ms, spread_ms + JITTER_MARGIN_MS)
        shrunk_ms = self.target_ms * (1 - SHRINK_PER_S * samples / self._rate)
        self.target_ms = min(self.target_ms, max(needed_ms, shrunk_ms))

    def _to_samples(self, duration_ms: float) -> int:
        return int(duration_ms * self._rate / 1000)
