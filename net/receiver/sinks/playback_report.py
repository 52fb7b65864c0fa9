"""Events of playback: which gaps and cuts were heard, and why; seldom enough to be read."""

from net.audio.jitter import JitterCounts
from net.runtime.clock import Clock
from net.telemetry.events import EventLog

REPORT_EVERY_S = 2.0


class PlaybackReport:
    """Turns growing counters into events of a stream. For one thread."""

    def __init__(self, events: EventLog, clock: Clock, sample_rate: int) -> None:
        self._events, self._clock, self._rate = events, clock, sample_rate
        self._next_s = float("-inf")
        self._reported = JitterCounts()
        self._reported_dry = 0

    def update(self, counts: JitterCounts, dry_device: int, target_ms: float, *, playing: bool) -> None:
        """Report what is new. Gaps and cuts are reported when sound is heard again, and their length is known."""
        texts = self._dry_texts(dry_device) + (self._gap_texts(counts, target_ms) if playing else [])
        now_s = self._clock.monotonic_s()
        if texts and now_s < self._next_s:
            return
        if texts:
            self._next_s = now_s + REPORT_EVERY_S
        for text in texts:
            self._events.warning(text)
        self._reported_dry = dry_device
        if playing:
            self._reported = counts

    def _dry_texts(self, dry_device: int) -> list[str]:
        fresh = dry_device - self._reported_dry
        times = "once" if fresh == 1 else f"{fresh} times"
        return [f"the output ran dry {times}: this machine is too busy"] if fresh > 0 else []

    def _gap_texts(self, counts: JitterCounts, target_ms: float) -> list[str]:
        texts = []
        if underruns := counts.underruns - self._reported.underruns:
            silence_ms = self._ms(counts.silence_samples - self._reported.silence_samples)
            texts.append(
                f"{underruns} underrun{'s' if underruns > 1 else ''}: sound came too late, {silence_ms:.0f} ms of "
                f"silence; the buffer aims at {target_ms:.0f} ms now"
            )
        if skipped := counts.skipped_samples - self._reported.skipped_samples:
            texts.append(f"skipped {self._ms(skipped):.0f} ms of sound that was too old to play")
        return texts

    def _ms(self, samples: int) -> float:
        return samples * 1000 / self._rate
