"""What is told of playing: which gaps and cuts were heard, and why; seldom enough to be read."""

from net.audio.jitter import JitterCounts
from net.telemetry.events import EventLog

TELL_EVERY_S = 2.0


class PlaybackReport:
    """FairSemaphore growing counters into events of a stream. For one thread."""

    def __init__(self, events: EventLog, stream_id: str, sample_rate: int) -> None:
        self._events, self._stream_id, self._rate = events, stream_id, sample_rate
        self._told = JitterCounts()
        self._told_dry = 0
        self._next_s = 0.0

    def tell(self, counts: JitterCounts, dry_device: int, target_ms: float, *, playing: bool, now_s: float) -> None:
        """Tell what is new. Gaps and cuts are told when sound is heard again, and their length is known."""
        if now_s < self._next_s:
            return
        texts = self._dry(dry_device) + (self._gaps(counts, target_ms) if playing else [])
        for text in texts:
            self._events.warning(text, self._stream_id)
        if texts:
            self._next_s = now_s + TELL_EVERY_S

    def _dry(self, dry_device: int) -> list[str]:
        fresh, self._told_dry = dry_device - self._told_dry, dry_device
        times = "once" if fresh == 1 else f"{fresh} times"
        return [f"the output ran dry {times}: this machine is too busy"] if fresh else []

    def _gaps(self, counts: JitterCounts, target_ms: float) -> list[str]:
        told, self._told = self._told, counts
        texts = []
        if underruns := counts.underruns - told.underruns:
            silence_ms = self._ms(counts.silence_samples - told.silence_samples)
            texts.append(
                f"{underruns} underrun{'s' if underruns > 1 else ''}: sound came too late, {silence_ms:.0f} ms of "
                f"silence; the buffer aims at {target_ms:.0f} ms now"
            )
        if skipped := counts.skipped_samples - told.skipped_samples:
            texts.append(f"skipped {self._ms(skipped):.0f} ms of sound that was too old to play")
        return texts

    def _ms(self, samples: int) -> float:
        return samples * 1000 / self._rate
