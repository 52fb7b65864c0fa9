"""Events about playing: which gaps and cuts were heard, and why; seldom enough to be read."""

from net.audio.jitter import JitterCounts
from net.telemetry.events import EventLog

REPORT_EVERY_S = 2.0


class PlaybackReport:
    """Turns growing counters into events of a stream. For one thread."""

    def __init__(self, events: EventLog, stream_id: str, sample_rate: int) -> None:
        self._events, self._stream_id, self._rate = events, stream_id, sample_rate
        self._reported = JitterCounts()
        self._reported_dry = 0
        self._next_s = 0.0

    def update(self, counts: JitterCounts, dry_device: int, target_ms: float, *, playing: bool, now_s: float) -> None:
        """Report what is new; gaps and cuts when sound is heard again, and their length is known."""
        if now_s < self._next_s:
            return
        texts = self._dry(dry_device) + (self._gaps(counts, target_ms) if playing else [])
        for text in texts:
            self._events.warning(text, self._stream_id)
        if texts:
            self._next_s = now_s + REPORT_EVERY_S

    def _dry(self, dry_device: int) -> list[str]:
        fresh, self._reported_dry = dry_device - self._reported_dry, dry_device
        times = "once" if fresh == 1 else f"{fresh} times"
        return [f"the output ran dry {times}: this machine is too busy"] if fresh else []

    def _gaps(self, counts: JitterCounts, target_ms: float) -> list[str]:
        before, self._reported = self._reported, counts
        texts = []
        if underruns := counts.underruns - before.underruns:
            silence_ms = self._ms(counts.silence_samples - before.silence_samples)
            texts.append(
                f"{underruns} underrun{'s' if underruns > 1 else ''}: sound came too late, {silence_ms:.0f} ms of "
                f"silence; the buffer aims at {target_ms:.0f} ms now"
            )
        if skipped := counts.skipped_samples - before.skipped_samples:
            texts.append(f"skipped {self._ms(skipped):.0f} ms of sound that was too old to play")
        return texts

    def _ms(self, samples: int) -> float:
        return samples * 1000 / self._rate
