"""The jitter buffer: takes sound as the network brings it, gives it as the device plays it.

Pure and without a clock: time is the samples that were pulled. The buffer's *reserve* is what is left when the next
sound arrives; its target (`net.audio.target_delay`) is the reserve that it wants. It starts to play so long after the
first sound that steady arrivals leave the target as reserve. Sound that comes too late leaves a gap (an underrun:
silence with short fades, counted), moves all that follows by its lateness, and raises the target. Live sound is
brought back to the target: excess delay of a second is cut out, in a pause if one comes soon.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from codec.types import Audio
from net.audio.drift import DriftControl
from net.audio.excess_delay import ExcessDelay
from net.audio.target_delay import GROWTH_MS, TargetDelay
from net.audio.time_scaling import PeakLevel, best_cut_length, cut, fade_out, longest_pause

FADE_MS = 5
SKIP_BEYOND_MS = 300.0
"""Live sound that is so far beyond the target is skipped at once."""
SHORTEST_CUT_MS = 20.0
"""Shorter pauses are left as they are."""
MATCH_WITHIN_MS = 12.5
"""How much less than wanted is cut where there is no pause, so that the ends match: a period of a low voice."""
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


class JitterBuffer:
    """Holds mono sound between an irregular writer and a steady reader; not thread-safe.

    `live` sound is kept near the target: speed is chosen against drift, and what is far beyond is skipped. Other
    sound (a file sent as fast as it goes) is only delayed.
    """

    def __init__(self, sample_rate: int, target_ms: float, *, live: bool) -> None:
        self.sample_rate = sample_rate
        self._live = live
        self._pieces: deque[_Piece] = deque()
        self._capacity = int((LIVE_CAPACITY_S if live else FILE_CAPACITY_S) * sample_rate)
        self._fade = sample_rate * FADE_MS // 1000
        self._depth = self._largest = 0
        self._started = self._finished = False
        self._waited = 0  # samples of silence since sound came while it was not playing
        self._late = 0  # samples of silence since the underrun, while no sound came
        self._since_arrival = 0
        self._last_value = np.float32(0)
        self._underruns = self._played = self._skipped = self._silence = 0
        self._excess = ExcessDelay()
        self._peak = PeakLevel(sample_rate)
        self.target = TargetDelay(target_ms)
        self.drift = DriftControl()
        self.playing = False
        """Whether sound is given out, rather than silence while the buffer fills."""
        self.played_chunks = 0
        """Chunks whose sound has been given out to its end."""
        self.captured_s: float | None = None
        """When the newest sound that was given out was captured, on the clock of `push`."""

    @property
    def depth_ms(self) -> float:
        """How much sound the buffer holds."""
        return self._depth * 1000 / self.sample_rate

    @property
    def drained(self) -> bool:
        """Whether all sound of a finished stream has been given out."""
        return self._finished and not self._depth

    @property
    def counts(self) -> JitterCounts:
        """What became of the sound so far."""
        return JitterCounts(self._underruns, self._played, self._skipped, self._silence)

    def push(self, audio: Audio, index: int = 0, captured_s: float | None = None) -> None:
        """Add sound that has arrived: part of chunk `index`, its last sample captured at `captured_s`."""
        if not len(audio):
            return
        if self.playing and self._since_arrival:
            self._observe_reserve()
        self._since_arrival = 0
        self._peak.push(audio)
        self._pieces.append(_Piece(audio, index, captured_s))
        self._depth += len(audio)
        self._largest = max(self._largest, len(audio))
        if self._live and self._started and self._excess_samples > self._to_samples(SKIP_BEYOND_MS):
            self._skip(self._excess_samples)
        elif self._depth > self._capacity:
            self._skip(self._depth - self._capacity)
        elif self._live and self.playing:
            self._reduce_excess()

    def finish(self) -> None:
        """End the stream: what is left is given out, and its end is no underrun."""
        self._finished = True

    def restart(self) -> None:
        """Fill again, live sound from its newest: the device was opened again."""
        self.playing = False
        self._waited = self._late = 0
        if self._live and self._excess_samples > 0:
            self._skip(self._excess_samples)

    def pull(self, samples: int) -> Audio:
        """Give out so many samples: sound if there is any and it is time, silence otherwise."""
        if self.playing:
            self._since_arrival += samples
            return self._take(samples) if self._depth >= samples else self._run_dry(samples)
        if self._is_ready():
            self.playing = self._started = True
            return self._resume(samples)
        return self._wait(samples)

    @property
    def _excess_samples(self) -> int:
        """How much more is held than the target and the longest piece."""
        return self._depth - self._largest - self._to_samples(self.target.total_ms)

    def _is_ready(self) -> bool:
        if not self._depth:
            return False
        wanted_ms = GROWTH_MS if self._started else self.target.jitter_ms
        wanted = self._to_samples(wanted_ms + self.target.device_ms)
        return self._finished or self._waited >= wanted or self._depth >= self._largest + wanted

    def _wait(self, samples: int) -> Audio:
        if self._depth:
            self._waited += samples
        elif self._late:
            self._late += samples
        if self._started and not self._finished:
            self._silence += samples
        return np.zeros(samples, np.float32)

    def _resume(self, samples: int) -> Audio:
        if self._late:
            self.target.observe_late(self._late * 1000 / self.sample_rate)
        self._waited = self._late = 0
        self._since_arrival = samples
        if self._depth < samples:
            return self._run_dry(samples)
        audio = self._take(samples)
        fade = min(self._fade, samples)
        audio[:fade] *= fade_out(self._fade)[::-1][:fade]
        return audio

    def _run_dry(self, samples: int) -> Audio:
        """Give out what is left, fade from there to silence, and fill again."""
        audio = self._take(self._depth)
        silence = np.zeros(samples - len(audio), np.float32)
        fade = min(self._fade, len(silence))
        silence[:fade] = self._last_value * fade_out(self._fade)[:fade]
        self._last_value = np.float32(0)
        self.playing = False
        if not self._finished:
            self._silence += len(silence)
            self._late = len(silence)
            self._underruns += 1
            self.target.observe_underrun()
            self._forget_reserves()
        return np.concatenate([audio, silence])

    def _take(self, samples: int) -> Audio:
        taken: list[Audio] = []
        missing = samples
        while missing:
            piece = self._pieces[0]
            head, piece.audio = piece.audio[:missing], piece.audio[missing:]
            taken.append(head)
            missing -= len(head)
            if piece.captured_s is not None:
                self.captured_s = piece.captured_s - len(piece.audio) / self.sample_rate
            if not len(piece.audio):
                self.played_chunks = max(self.played_chunks, piece.index + 1)
                self._pieces.popleft()
        self._depth -= samples
        self._played += samples
        audio = np.concatenate(taken) if taken else np.zeros(0, np.float32)
        if samples:
            self._last_value = audio[-1]
        return audio

    def _observe_reserve(self) -> None:
        reserve_ms, elapsed_s = self.depth_ms, self._since_arrival / self.sample_rate
        self.target.observe_arrival(reserve_ms, self.drift.reserve_ms, elapsed_s)
        if self._live:
            self._excess.observe(reserve_ms, self.target.total_ms, elapsed_s)
            if not self.target.device_ms:  # otherwise the reserve rises and falls by what is taken at once
                self.drift.observe(reserve_ms, self.target.jitter_ms, elapsed_s)

    def _forget_reserves(self) -> None:
        self._excess.reset()
        self.drift.reset()

    def _skip(self, samples: int) -> None:
        """Cut out the oldest sound."""
        self._cut(0, samples, self._fade if self.playing else 0)
        self._forget_reserves()

    def _reduce_excess(self) -> None:
        """Cut out excess delay: from a pause in what is held, or after a while anywhere, where the ends match."""
        excess = self._to_samples(self._excess.excess_ms(self.target.total_ms))
        if not excess:
            return
        held = np.concatenate([piece.audio for piece in self._pieces])
        start, pause = longest_pause(held, self.sample_rate, self._peak.quiet_below)
        length = min(excess, pause - 2 * self._fade)
        if length >= self._to_samples(SHORTEST_CUT_MS):
            start += self._fade
        elif self._excess.is_urgent:
            start = 0
            length = best_cut_length(held, self._fade, excess - self._to_samples(MATCH_WITHIN_MS), excess)
        else:
            return
        self._cut(start, length, self._fade)
        self._excess.remove(length * 1000 / self.sample_rate)
        self.drift.reset()

    def _cut(self, start: int, samples: int, fade: int) -> None:
        """Remove so many samples of what is held, with a cross-fade over the cut."""
        pieces: list[_Piece] = []
        while self._pieces and sum(len(piece.audio) for piece in pieces) < start + samples + fade:
            pieces.append(self._pieces.popleft())
        held = cut(np.concatenate([piece.audio for piece in pieces]), start, samples, fade)
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
        self._depth -= samples
        self._skipped += samples

    def _to_samples(self, duration_ms: float) -> int:
        return int(duration_ms * self.sample_rate / 1000)
