"""An engine whose figures follow from one number, its time: a console under test shows the same every time."""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from net.errors import StageFailed
from net.runtime.clock import SYSTEM_CLOCK
from net.runtime.queues import QueueStats
from net.telemetry.stats import (
    CodecStats,
    DurationStats,
    Event,
    LinkState,
    PlaybackStats,
    ProcessStats,
    RateStats,
    ReceiverChunks,
    Role,
    SenderChunks,
    Severity,
    SoundStats,
    StreamStats,
)

EPOCH_S = 1_795_541_000.0
TOTAL_S = 79.0
BANDS = 48
COLUMN_MS = 40.0


def wobble(t_s: float, salt: float) -> float:
    """A smooth number in −1 to 1 that looks measured and is not random."""
    return 0.6 * math.sin(t_s * 1.7 + salt) + 0.4 * math.sin(t_s * 0.43 + 2.1 * salt)


def rate(name: str, kbps: float, t_s: float) -> RateStats:
    """A bitrate around `kbps`."""
    history = tuple(kbps + 0.4 * wobble(s, kbps) for s in range(max(0, int(t_s) - 300), int(t_s)))
    now = history[-1] if history else 0.0
    return RateStats(name, now, kbps if history else 0.0, int(kbps * 125 * t_s), history)


def duration(name: str, base_ms: float, t_s: float, count: int) -> DurationStats:
    """A duration around `base_ms`, measured `count` times."""
    if not count:
        return DurationStats(name)
    history = tuple(base_ms * (1 + 0.15 * wobble(s, base_ms)) for s in range(max(0, int(t_s) - 300), int(t_s)))
    return DurationStats(
        name, count, history[-1] if history else base_ms, base_ms * 0.98, base_ms * 1.17,
        base_ms, base_ms * 0.8, base_ms * 1.4, base_ms * count / 1000, history,
    )  # fmt: skip


def sound(t_s: float) -> SoundStats:
    """Vowel-like formants that glide, in syllables, with a pause after each four."""
    count = int(t_s * 1000 / COLUMN_MS)
    first = max(0, count - 400)
    at = np.arange(first, count)[:, None] * COLUMN_MS / 1000
    band = np.arange(BANDS)[None, :]
    syllable = np.clip(np.sin(at * 5.5) + 0.6, 0, 1) * (np.sin(at * 1.1) > -0.5)
    power = np.zeros((count - first, BANDS))
    for centre, width, weight in ((6, 2.5, 1.0), (16, 4.0, 0.8), (28, 5.0, 0.6)):
        glide = centre + 4 * np.sin(at * 2.3 + centre)
        power += weight * np.exp(-(((band - glide) / width) ** 2))
    columns = np.clip(40 + 215 * syllable * power + 12 * np.sin(band * 7 + at * 31), 0, 255).astype(np.uint8)
    level = -16 + 8 * wobble(t_s * 3, 1.0)
    return SoundStats(level, level + 7, 0, None, COLUMN_MS, count, columns)


def sender_stats(t_s: float, state: LinkState = LinkState.STREAMING) -> StreamStats:
    """A sender's snapshot `t_s` seconds after its start."""
    count = int(t_s / 0.9)
    return StreamStats(
        role=Role.SENDER, stream_id="a1b2c3d4", state=state, epoch_s=EPOCH_S + t_s, source="kerstin.flac",
        peer="10.0.0.7:8888", secure=True, model="esc-mini", fingerprint="7f3ac21e0b5d9a44", num_streams=6,
        max_streams=6, nominal_kbps=9.0, stitching="crossfade", chunk_ms=1000, overlap_ms=100, on_air_s=t_s,
        audio_s=min(TOTAL_S, t_s), total_s=TOTAL_S, eta_s=max(0.0, TOTAL_S - t_s),
        payload=rate("payload", 9.0, t_s), wire=rate("wire", 10.38, t_s),
        queues=(
            QueueStats("encode", 2 + int(1.5 * wobble(t_s, 1)), 10, 4), QueueStats("send", 0, 10, 2),
            QueueStats("unacked", 3, 32, 5),
        ),
        latencies=tuple(
            duration(name, base_ms, t_s, count)
            for name, base_ms in (("encoded", 82), ("sent", 85), ("decoded", 141), ("heard", 352))
        ),
        round_trip=duration("round trip", 0.4, t_s, count), clock_offset_ms=1.2,
        chunks=SenderChunks(count + 1, count, count, max(0, count - 3), 0, min(3, count), 0, 0),
        codec=CodecStats(duration("encode", 79, t_s, count), 0.079, 0.081), send=duration("send", 0.2, t_s, count),
        process=ProcessStats(61.0, 812_000_000), sound=sound(t_s),
    )  # fmt: skip


def receiver_stats(
    t_s: float, state: LinkState = LinkState.STREAMING, stream_id: str = "a1b2c3d4", source: str = "kerstin.flac"
) -> StreamStats:
    """A receiver's snapshot of one stream `t_s` seconds after its start."""
    count = int(t_s / 0.9)
    buffered = tuple(212 + 30 * wobble(s, 5) for s in range(int(t_s)))
    return replace(
        sender_stats(t_s, state), role=Role.RECEIVER, stream_id=stream_id, source=source, peer="10.0.0.4:51344",
        queues=(QueueStats("decode", 1, 20, 3), QueueStats("save", 0, 20, 1)),
        latencies=(
            duration("received", 87, t_s, count), duration("decoded", 141, t_s, count),
            duration("heard", 352, t_s, count),
        ),
        chunks=ReceiverChunks(count, max(0, count - 1), max(0, count - 1), max(0, count - 2), max(0, count - 1), 0, 0),
        codec=CodecStats(duration("decode", 52, t_s, count), 0.052, 0.053), send=duration("receive", 0.1, t_s, count),
        playback=PlaybackStats("default", True, False, 1.0, 212, 200, buffered, 0, 4.0),
        files=("output/received_9.0kbps_20261124-174102.wav",),
    )  # fmt: skip


class FakeEngine:
    """An `Engine` that shows the snapshots it was given, or those of its role and time, and notes every intent."""

    def __init__(self, role: Role, t_s: float = 41.0, streams: Iterable[StreamStats] | None = None) -> None:
        self.role = role
        self.still_s = t_s
        self.streams = None if streams is None else tuple(streams)
        self.running_since_s: float | None = None
        self.state = LinkState.STREAMING
        self.events: list[Event] = []
        self.intents: list[tuple[str, object]] = []
        self.start_error: Exception | None = None
        self.error: BaseException | None = None
        self.survivors: tuple[str, ...] = ()
        self.muted = False
        self.reason = ""
        self.is_slow_to_finish = False
        self.on_request_stop: Callable[[Role], object] = lambda _role: None
        self.may_take_intents = threading.Event()
        """Intents wait until it is set, at most 10 s."""
        self.may_take_intents.set()
        self._ended = threading.Event()

    def begin_again(self) -> None:
        """Forget intents and what they did."""
        self.state, self.muted, self.streams = LinkState.STREAMING, False, None
        self.intents.clear()

    @property
    def t_s(self) -> float:
        """The engine's time: it stands still unless `run_live` was called."""
        if self.running_since_s is None:
            return self.still_s
        return self.still_s + SYSTEM_CLOCK.monotonic_s() - self.running_since_s

    def run_live(self) -> None:
        """Let the time run."""
        self.running_since_s = SYSTEM_CLOCK.monotonic_s()

    @property
    def title(self) -> str:
        return "→ 10.0.0.7:8888" if self.role is Role.SENDER else "listening on localhost:8888"

    def start(self) -> None:
        self.intents.append(("start", None))
        if self.start_error is not None:
            self._ended.set()
            raise self.start_error

    def request_stop(self) -> None:
        self.intents.append(("request_stop", None))
        self.on_request_stop(self.role)
        if not self.is_slow_to_finish:
            self.end(LinkState.DONE)

    def stop(self, timeout_s: float = 5.0) -> tuple[str, ...]:
        self.intents.append(("stop", timeout_s))
        self.end(LinkState.DONE)
        return self.survivors

    def wait(self, timeout_s: float | None = None) -> bool:
        return self._ended.wait(timeout_s)

    def end(self, state: LinkState) -> None:
        """End all streams in `state`."""
        self.state = state
        self._ended.set()

    def fail(self, reason: str) -> None:
        """End the stream with an error."""
        self.reason = reason
        self.error = StageFailed(reason)
        self.end(LinkState.FAILED)

    def snapshots(self) -> tuple[StreamStats, ...]:
        if self.streams is not None:
            return self.streams
        stats = sender_stats(self.t_s) if self.role is Role.SENDER else receiver_stats(self.t_s)
        return (replace(stats, state=self.state, muted=self.muted, reason=self.reason),)

    def say(self, text: str, severity: Severity = Severity.INFO) -> None:
        """Log an event at the engine's time."""
        self.events.append(Event(len(self.events), EPOCH_S + self.t_s, severity, text))

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        return tuple(self.events[sequence:])

    def set_paused(self, paused: bool) -> None:
        self._take("paused", paused)
        self.state = LinkState.PAUSED if paused else LinkState.STREAMING

    def set_muted(self, muted: bool) -> None:
        self._take("muted", muted)
        self.muted = muted

    def set_volume(self, volume: float) -> None:
        self._take("volume", volume)

    def set_num_streams(self, num_streams: int) -> None:
        self._take("num_streams", num_streams)

    def values_of(self, intent: str) -> list[object]:
        """What was asked for by this intent, in order."""
        return [value for name, value in self.intents if name == intent]

    def _take(self, intent: str, value: object) -> None:
        self.may_take_intents.wait(10.0)
        self.intents.append((intent, value))
