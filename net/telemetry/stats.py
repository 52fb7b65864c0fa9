"""Snapshots of an engine: one frozen `StreamStats` a stream, and `Event`s; panes, progress and JSON lines show these.

Everything here was measured. Times are seconds since 1970 (UTC) on this machine's clock, rates are kbps (1000 bit/s).
"""

import enum
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from net.runtime.queues import QueueStats

BUCKET_BOUNDS_S = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.5, 5.0, 10.0),
)
"""The longest duration that each bucket of `DurationStats` counts; one more bucket counts what is longer."""


class Role(enum.StrEnum):
    """Which end of the link a stream's numbers describe."""

    SENDER = "sender"
    RECEIVER = "receiver"


class LinkState(enum.StrEnum):
    """The state of one stream; shown, never inferred. `net.telemetry.status` has the transitions."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    PAUSED = "paused"
    RECONNECTING = "reconnecting"
    DRAINING = "draining"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the stream has ended, one way or the other."""
        return self in (LinkState.DONE, LinkState.FAILED)


class Severity(enum.StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in words. `sequence` counts an engine's events from 0."""

    sequence: int
    epoch_s: float
    severity: Severity
    text: str
    stream_id: str = ""


@dataclass(frozen=True, slots=True)
class RateStats:
    """A bitrate in kbps: over the last second, over the whole stream, and each of the last seconds.

    `history_kbps` holds one value a second, oldest first, at most 300.
    """

    name: str
    now_kbps: float = 0.0
    average_kbps: float = 0.0
    total_bytes: int = 0
    history_kbps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class DurationStats:
    """A duration measured again and again, in ms: the latest, and statistics of a window and of the whole stream.

    `p50_ms` and `p95_ms` cover the last 60 s; average, minimum and maximum the whole stream. `history_ms` holds the
    mean of each of the last seconds in which something was measured (nan where nothing was), oldest first, at most
    300. `buckets` counts all durations of the stream by length, as `BUCKET_BOUNDS_S` says. All are nan, and there are
    no buckets, while `count` is 0.
    """

    name: str
    count: int = 0
    now_ms: float = float("nan")
    p50_ms: float = float("nan")
    p95_ms: float = float("nan")
    average_ms: float = float("nan")
    minimum_ms: float = float("nan")
    maximum_ms: float = float("nan")
    total_s: float = 0.0
    history_ms: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CodecStats:
    """What coding costs: the time of each chunk, and real-time factors (processing time ÷ audio time)."""

    duration: DurationStats
    rtf_now: float = float("nan")
    rtf_average: float = float("nan")


@dataclass(frozen=True, slots=True)
class SenderChunks:
    """Chunk counters of a sender; `in_flight` is sent and not yet acknowledged."""

    read: int = 0
    encoded: int = 0
    sent: int = 0
    acknowledged: int = 0
    resent: int = 0
    in_flight: int = 0
    dropped: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True)
class ReceiverChunks:
    """Chunk counters of a receiver. `lost` were dropped by a live sender; `refused` came twice or out of place."""

    received: int = 0
    decoded: int = 0
    stitched: int = 0
    played: int = 0
    saved: int = 0
    lost: int = 0
    refused: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True)
class SoundStats:
    """The level of the sound that passes, in dBFS, and the newest columns of its spectrogram.

    `columns` is uint8 `[column, band]`, oldest column first, lowest band first; 0 is −90 dBFS or less, 255 is 0 dBFS.
    A column covers `column_ms`; `column_count` counts all since the stream began, so that a widget can scroll.
    `speech` is the voice activity of the newest sound, `input_dbfs` its level before it was enhanced; None where that
    is not measured.
    """

    level_dbfs: float = float("-inf")
    peak_dbfs: float = float("-inf")
    clipped_samples: int = 0
    speech: bool | None = None
    column_ms: float = 40.0
    column_count: int = 0
    columns: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 48), np.uint8))
    input_dbfs: float | None = None


@dataclass(frozen=True, slots=True)
class PlaybackStats:
    """The receiver's player: its jitter buffer and the drift between the sender's and the device's clock.

    `target_ms` is what the buffer aims to hold when the next sound arrives. `skipped_ms` was left out to stay live,
    `silence_ms` replaced sound that came too late. `dry_device` counts how often the device itself ran out of sound,
    since this machine was too busy; `connected` is whether it is there.
    """

    device: str
    playing: bool = False
    muted: bool = False
    volume: float = 1.0
    buffer_ms: float = 0.0
    target_ms: float = 0.0
    buffer_history_ms: tuple[float, ...] = ()
    underruns: int = 0
    drift_ppm: float = 0.0
    dry_device: int = 0
    skipped_ms: float = 0.0
    silence_ms: float = 0.0
    connected: bool = True


@dataclass(frozen=True, slots=True)
class ProcessStats:
    """CPU of this process in percent of one core (over the last second), and resident memory."""

    cpu_percent: float = 0.0
    resident_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStats:
    """Everything that is shown of one stream, measured at `epoch_s`."""

    role: Role
    stream_id: str
    state: LinkState
    epoch_s: float
    reason: str = ""
    """Why the stream failed, is reconnecting or was refused; empty when there is nothing to explain."""
    source: str = ""
    """What is streamed: a file's name or an input device."""
    peer: str = ""
    secure: bool = False
    model: str = ""
    fingerprint: str = ""
    sample_rate: int = 16000
    num_streams: int = 0
    max_streams: int = 0
    streams_history: tuple[int, ...] = ()
    """How many streams were sent (sender) in each of the last seconds, oldest first, at most 300."""
    nominal_kbps: float = 0.0
    stitching: str = ""
    chunk_ms: float = 0.0
    overlap_ms: float = 0.0
    input_lost: bool = False
    """Whether the sender's microphone is gone, and silence is sent until it is back."""
    muted: bool = False
    """Whether silence is sent (sender) or played (receiver) instead."""
    enhanced: bool | None = None
    """Whether noise is suppressed and the voice levelled before coding, None where that was not asked for."""
    on_air_s: float = 0.0
    audio_s: float = 0.0
    """How much of the sound has been sent (sender) or saved (receiver)."""
    total_s: float | None = None
    """The sound's whole length, None where it is not known (a microphone)."""
    eta_s: float | None = None
    payload: RateStats = RateStats("payload")
    wire: RateStats = RateStats("wire")
    socket_buffer_bytes: int | None = None
    """What the system says that it buffers of what is sent (sender) or received (receiver); None while unconnected."""
    queues: tuple[QueueStats, ...] = ()
    latencies: tuple[DurationStats, ...] = ()
    """From capture to each stage: "encoded", "sent" | "received", "decoded", "heard"."""
    round_trip: DurationStats = DurationStats("round trip")
    clock_offset_ms: float | None = None
    chunks: SenderChunks | ReceiverChunks = SenderChunks()
    codec: CodecStats = CodecStats(DurationStats("codec"))
    send: DurationStats = DurationStats("send")
    """Time of each write to, or wait for, the socket."""
    process: ProcessStats = ProcessStats()
    sound: SoundStats = field(default_factory=SoundStats)
    playback: PlaybackStats | None = None
    files: tuple[str, ...] = ()
    """Where the results are: the WAV, chunk files' folder, recordings, codes."""

    @property
    def has_steps(self) -> bool:
        """Whether the number of streams has changed."""
        return len(set(self.streams_history)) > 1

    @property
    def progress(self) -> float | None:
        """Share of the sound that has passed, 0 to 1; None where its length is not known."""
        if not self.total_s:
            return None
        return min(1.0, self.audio_s / self.total_s)
