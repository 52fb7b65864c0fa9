"""Streams on numbered places: label values that stay few, however many streams come and go."""

from collections.abc import Iterator, Sequence

from net.metrics.stream_values import Kind, Metric, Sample, samples
from net.telemetry.stats import LinkState, StreamStats

Totals = dict[tuple[Metric, tuple[str, ...]], tuple[float, ...]]


class StreamSlot:
    """A place for one stream at a time; its counters and histograms go on from stream to stream and never fall."""

    def __init__(self, stats: StreamStats) -> None:
        self.stats = stats
        self._ended: Totals = {}

    def update(self, stats: StreamStats) -> None:
        """Hold a newer snapshot, of the same stream or of the next one."""
        before = self.stats
        if before.stream_id != stats.stream_id or (before.state.is_final and not stats.state.is_final):
            self._ended = self._totals()
        self.stats = stats

    def samples(self) -> Iterator[Sample]:
        """What the stream measures now, and with it what those before have counted."""
        totals = self._totals()
        for sample in samples(self.stats):
            if sample.metric.kind is Kind.GAUGE:
                yield sample
        for (metric, labels), values in totals.items():
            yield Sample(metric, values, labels)

    def _totals(self) -> Totals:
        totals = dict(self._ended)
        for sample in samples(self.stats):
            if sample.metric.kind is not Kind.GAUGE:
                key = sample.metric, sample.labels
                before = totals.get(key, (0.0,) * len(sample.values))
                totals[key] = tuple(a + b for a, b in zip(before, sample.values, strict=True))
        return totals


class StreamSlots:
    """The places of one engine's streams: as many as streams ever ran at the same time. For one thread.

    A stream takes the lowest place that is free, and holds it after its end until another takes it. Streams that come
    and go between two updates are counted as long as the engine still shows them.
    """

    def __init__(self) -> None:
        self._slots: list[StreamSlot] = []
        self._known: set[str] = set()
        self.started = self.failed = 0
        """How many streams have begun and have failed so far."""

    def update(self, snapshots: Sequence[StreamStats]) -> list[StreamSlot]:
        """Give every stream of these snapshots, oldest first, its place; return all places."""
        shown = {stats.stream_id: stats for stats in snapshots}
        for slot in self._slots:
            stats = shown.get(slot.stats.stream_id)
            if stats is not None:
                self._hold(slot, stats)
        held = {slot.stats.stream_id for slot in self._slots}
        for stats in snapshots:
            is_over = stats.stream_id in self._known and stats.state.is_final
            if stats.stream_id not in held and not is_over:
                self._place(stats, shown)
        self._known = set(shown)
        return self._slots

    def _place(self, stats: StreamStats, shown: dict[str, StreamStats]) -> None:
        free = (slot for slot in self._slots if _is_free(slot, shown))
        slot = next(free, None)
        if slot is None:
            self._slots.append(StreamSlot(stats))
            self._count(None, stats)
        else:
            self._hold(slot, stats)

    def _hold(self, slot: StreamSlot, stats: StreamStats) -> None:
        self._count(slot.stats, stats)
        slot.update(stats)

    def _count(self, before: StreamStats | None, stats: StreamStats) -> None:
        is_new = before is None or before.stream_id != stats.stream_id
        self.started += is_new
        has_failed = stats.state is LinkState.FAILED
        self.failed += has_failed and (is_new or before is None or not before.state.is_final)


def _is_free(slot: StreamSlot, shown: dict[str, StreamStats]) -> bool:
    return slot.stats.state.is_final or slot.stats.stream_id not in shown
