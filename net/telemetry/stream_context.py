"""What all stages of one stream share."""

import threading
from dataclasses import dataclass

from net.runtime.clock import Clock
from net.runtime.queues import PipelineStopped
from net.telemetry.events import EventLog
from net.telemetry.stats import LinkState, Role, StreamStats
from net.telemetry.status import StreamStatus
from net.telemetry.stream_meters import StreamMeters


@dataclass(frozen=True, slots=True)
class StreamContext:
    """The clock, the stream's events, state and meters, and the event that tells its stages to end.

    Capture times count from `epoch_s` of the sender's clock.
    """

    clock: Clock
    events: EventLog
    status: StreamStatus
    meters: StreamMeters
    stopping: threading.Event
    epoch_s: float

    def raise_if_stopping(self) -> None:
        """Raise `PipelineStopped` if the stream is to end."""
        if self.stopping.is_set():
            raise PipelineStopped

    def end(self, error: BaseException | None, reason: str = "", *, label: str = "") -> None:
        """End the rates and enter the final state: failed with an error or where it was stopped, or else done.

        `reason` explains what is done; `label` begins the event of an error.
        """
        self.meters.stop()
        if error is not None:
            if self.status.set(LinkState.FAILED, str(error)):
                self.events.error(f"{label}{error}")
        elif self.stopping.is_set():
            self.status.set(LinkState.FAILED, "stopped before the end")
        else:
            self.status.set(LinkState.DONE, reason)

    def stats(
        self, role: Role, stream_id: str, audio_samples: int, total_samples: int | None, *, paused: bool
    ) -> StreamStats:
        """What the meters and the state say as of now; the rest is the owner's to fill in.

        `audio_samples` of `total_samples` were sent or saved.
        """
        meters, state, on_air_s = self.meters, self.status.state, self.status.on_air_s
        audio_s = audio_samples / meters.sample_rate
        total_s = None if total_samples is None else total_samples / meters.sample_rate
        return StreamStats(
            role=role,
            stream_id=stream_id,
            state=LinkState.PAUSED if paused and state is LinkState.STREAMING else state,
            reason=self.status.reason,
            epoch_s=self.clock.epoch_s(),
            sample_rate=meters.sample_rate,
            on_air_s=on_air_s,
            audio_s=audio_s,
            total_s=total_s,
            eta_s=_eta_s(audio_s, total_s, on_air_s),
            payload=meters.payload.stats(),
            wire=meters.wire.stats(),
            latencies=tuple(meter.stats() for meter in meters.latencies.values()),
            round_trip=meters.round_trip.stats(),
            clock_offset_ms=meters.clock_offset_ms,
            codec=meters.coding.stats(),
            send=meters.sending.stats(),
            sound=meters.sound.stats(),
        )


def _eta_s(audio_s: float, total_s: float | None, on_air_s: float) -> float | None:
    """Seconds until the end at the pace so far; None where the length or the pace is not known."""
    if not total_s or audio_s <= 0 or on_air_s <= 0:
        return None
    return max(0.0, (total_s - audio_s) * on_air_s / audio_s)
