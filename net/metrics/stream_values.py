"""The metrics of one stream: their names by Prometheus' conventions, and their values from a snapshot."""

import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

from net.telemetry.stats import (
    BUCKET_BOUNDS_S,
    DurationStats,
    LinkState,
    PlaybackStats,
    ReceiverChunks,
    SenderChunks,
    StreamStats,
)

BYTES_PER_KBIT = 125
NO_DURATION = (0,) * (len(BUCKET_BOUNDS_S) + 1)


class Kind(enum.StrEnum):
    """What Prometheus may do with a metric: read it, or also watch how it grows."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of samples. Counters are exposed with `_total` after the name."""

    kind: Kind
    name: str
    documentation: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a metric: one number, or of a histogram the count of each bucket and the sum of all durations."""

    metric: Metric
    values: tuple[float, ...]
    labels: tuple[str, ...] = ()


_gauge, _counter = partial(Metric, Kind.GAUGE), partial(Metric, Kind.COUNTER)
_histogram = partial(Metric, Kind.HISTOGRAM)

STATE = _gauge("esc_stream_state", "1 for the state that the stream is in, 0 for the others.", ("state",))
INFO = _gauge(
    "esc_stream_info",
    "The codec model of the stream, and how its chunks are joined; always 1.",
    ("model", "fingerprint", "stitching"),
)
LATENCY = _histogram("esc_latency_seconds", "From a chunk's capture to the end of each stage.", ("stage",))
CODING = _histogram("esc_coding_seconds", "Time to encode (sender) or decode (receiver) a chunk.")
ROUND_TRIP = _histogram("esc_round_trip_seconds", "From a ping to its answer.")
SENDING = _histogram("esc_send_seconds", "Time of each write to the socket.")

DEPTH = _gauge("esc_queue_depth_chunks", "Chunks that wait before the stage of that name.", ("queue",))
CAPACITY = _gauge("esc_queue_capacity_chunks", "The most chunks that may wait there.", ("queue",))
HIGH_WATER = _gauge("esc_queue_high_water_chunks", "The most chunks that ever waited there.", ("queue",))
DROPPED = _counter("esc_queue_dropped_chunks", "Chunks that a full queue of live sound has dropped.", ("queue",))

Values = tuple[tuple[Metric, Callable[[StreamStats], float | None]], ...]

STREAM_VALUES: Values = (
    (
        _gauge("esc_payload_bytes_per_second", "Codes in the last second."),
        lambda s: s.payload.now_kbps * BYTES_PER_KBIT,
    ),
    (_gauge("esc_wire_bytes_per_second", "All bytes in the last second."), lambda s: s.wire.now_kbps * BYTES_PER_KBIT),
    (
        _gauge("esc_nominal_bytes_per_second", "What the streams in use make."),
        lambda s: s.nominal_kbps * BYTES_PER_KBIT,
    ),
    (_gauge("esc_code_streams", "Streams of codes in use, 1 to 6."), lambda s: s.num_streams),
    (_gauge("esc_real_time_ratio", "Coding time of the newest chunk ÷ its length."), lambda s: s.codec.rtf_now),
    (_gauge("esc_clock_offset_seconds", "The peer's clock minus this one."), lambda s: _seconds(s.clock_offset_ms)),
    (_gauge("esc_sound_level_dbfs", "Level of the newest 40 ms of sound."), lambda s: s.sound.level_dbfs),
    (_counter("esc_payload_bytes", "Codes that passed."), lambda s: s.payload.total_bytes),
    (_counter("esc_wire_bytes", "All bytes that passed the connections."), lambda s: s.wire.total_bytes),
    (_counter("esc_audio_seconds", "Sound that was sent (sender) or saved (receiver)."), lambda s: s.audio_s),
    (_counter("esc_on_air_seconds", "Time since the stream was accepted, until its end."), lambda s: s.on_air_s),
    (_counter("esc_clipped_samples", "Samples at full scale."), lambda s: s.sound.clipped_samples),
)

PLAYBACK_VALUES: tuple[tuple[Metric, Callable[[PlaybackStats], float]], ...] = (
    (_gauge("esc_playback_buffer_seconds", "Sound that waits to be played."), lambda p: p.buffer_ms / 1000),
    (_gauge("esc_playback_target_seconds", "Sound that the player aims to hold."), lambda p: p.target_ms / 1000),
    (_gauge("esc_playback_drift_ratio", "Device's clock ÷ the sender's, minus 1."), lambda p: p.drift_ppm / 1e6),
    (_gauge("esc_playback_device_connected", "Whether the output device is there."), lambda p: p.connected),
    (_counter("esc_playback_underruns", "Times that sound came too late to be played."), lambda p: p.underruns),
    (_counter("esc_playback_dry_device", "Times that the device itself ran out of sound."), lambda p: p.dry_device),
    (_counter("esc_playback_silence_seconds", "Silence in place of late sound."), lambda p: p.silence_ms / 1000),
    (_counter("esc_playback_skipped_seconds", "Sound left out to stay live."), lambda p: p.skipped_ms / 1000),
)

CHUNKS_IN_FLIGHT = _gauge("esc_chunks_in_flight", "Chunks sent and not yet acknowledged.")


def _chunk_counter(name: str) -> Metric:
    return _counter(f"esc_chunks_{name}", f"Chunks of the stream that were {name}.")


CHUNK_METRICS = {
    name: CHUNKS_IN_FLIGHT if name == "in_flight" else _chunk_counter(name)
    for name in (*asdict(SenderChunks()), *asdict(ReceiverChunks()))
}

ALL: tuple[Metric, ...] = (
    *(STATE, INFO, *(metric for metric, _ in STREAM_VALUES), *CHUNK_METRICS.values()),
    *(LATENCY, CODING, ROUND_TRIP, SENDING, DEPTH, CAPACITY, HIGH_WATER, DROPPED),
    *(metric for metric, _ in PLAYBACK_VALUES),
)
"""In the order in which they are exposed."""


def samples(stats: StreamStats) -> Iterator[Sample]:
    """Everything that Prometheus is told of a stream. What is not measured has no sample."""
    for state in LinkState:
        yield Sample(STATE, (state is stats.state,), (state,))
    if stats.model:
        yield Sample(INFO, (1,), (stats.model, stats.fingerprint, stats.stitching))
    for metric, value_of in STREAM_VALUES:
        value = value_of(stats)
        if value is not None and not math.isnan(value):
            yield Sample(metric, (value,))
    for name, count in asdict(stats.chunks).items():
        yield Sample(CHUNK_METRICS[name], (count,))
    yield from _durations(stats)
    yield from _queues(stats)
    if stats.playback is not None:
        for playback_metric, playback_value_of in PLAYBACK_VALUES:
            yield Sample(playback_metric, (playback_value_of(stats.playback),))


def _durations(stats: StreamStats) -> Iterator[Sample]:
    for latency in stats.latencies:
        yield Sample(LATENCY, _histogram_values(latency), (latency.name,))
    yield Sample(CODING, _histogram_values(stats.codec.duration))
    yield Sample(ROUND_TRIP, _histogram_values(stats.round_trip))
    if isinstance(stats.chunks, SenderChunks):
        yield Sample(SENDING, _histogram_values(stats.send))


def _queues(stats: StreamStats) -> Iterator[Sample]:
    for queue in stats.queues:
        if queue.unit == "chunks":
            yield Sample(DEPTH, (queue.depth,), (queue.name,))
            yield Sample(CAPACITY, (queue.capacity,), (queue.name,))
            yield Sample(HIGH_WATER, (queue.high_water,), (queue.name,))
            yield Sample(DROPPED, (queue.dropped,), (queue.name,))


def _histogram_values(duration: DurationStats) -> tuple[float, ...]:
    return (*(duration.buckets or NO_DURATION), duration.total_s)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
