"""Snapshots of engines as families of Prometheus' metrics, read whenever they are scraped."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from net.engine import Engine
from net.metrics.stream_slots import StreamSlots
from net.metrics.stream_values import ALL, Kind, Metric, Sample
from net.telemetry.stats import BUCKET_BOUNDS_S, Role, Severity

STREAM_LABELS = ("role", "stream")
BOUNDS = (*map(floatToGoString, BUCKET_BOUNDS_S), "+Inf")

RUNNING = Metric(Kind.GAUGE, "esc_streams_running", "Streams that have not ended.")
STARTED = Metric(Kind.COUNTER, "esc_streams_started", "Streams that have begun.")
FAILED = Metric(Kind.COUNTER, "esc_streams_failed", "Streams that have failed.")
EVENTS = Metric(Kind.COUNTER, "esc_events", "Events that were logged.", ("severity",))

_FAMILIES: dict[Kind, Callable[..., MetricFamily]] = {
    Kind.GAUGE: GaugeMetricFamily,
    Kind.COUNTER: CounterMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}


class EngineCollector(Collector):
    """Collects the metrics of engines, for one thread at a time.

    Samples of a stream have the labels `role` (sender, receiver) and `stream`: the number of its place, from 1. Names
    of files and peers are no labels: peers choose them, and each would stay in Prometheus for good.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = tuple(_EngineReader(engine) for engine in engines)

    def collect(self) -> Iterable[MetricFamily]:
        """All families, in a fixed order; those that nothing was measured for have no samples."""
        families = {metric: _family(metric, STREAM_LABELS) for metric in ALL}
        families |= {metric: _family(metric, ("role",)) for metric in (RUNNING, STARTED, FAILED, EVENTS)}
        for engine in self._engines:
            for labels, sample in engine.read():
                _add(families[sample.metric], (*labels, *sample.labels), sample.values)
        return families.values()


class _EngineReader:
    """Reads one engine, and keeps what has to be added up between two scrapes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._slots = StreamSlots()
        self._next_event = 0
        self._events = dict.fromkeys(Severity, 0)

    def read(self) -> Iterator[tuple[tuple[str, ...], Sample]]:
        """Yield each sample with the labels of what it is about."""
        snapshots = self._engine.snapshots()
        role = (snapshots[0].role if snapshots else Role.RECEIVER,)  # only receivers have no stream at first
        for number, slot in enumerate(self._slots.update(snapshots), 1):
            for sample in slot.samples():
                yield (*role, str(number)), sample
        yield role, Sample(RUNNING, (sum(not stats.state.is_final for stats in snapshots),))
        yield role, Sample(STARTED, (self._slots.started,))
        yield role, Sample(FAILED, (self._slots.failed,))
        for severity, count in self._count_events().items():
            yield role, Sample(EVENTS, (count,), (severity,))

    def _count_events(self) -> dict[Severity, int]:
        for event in self._engine.events_since(self._next_event):
            self._next_event = event.sequence + 1
            self._events[event.severity] += 1
        return self._events


def _family(metric: Metric, labels: tuple[str, ...]) -> MetricFamily:
    make = _FAMILIES[metric.kind]
    return make(metric.name, metric.documentation, labels=[*labels, *metric.labels])


def _add(family: MetricFamily, labels: tuple[str, ...], values: tuple[float, ...]) -> None:
    if isinstance(family, HistogramMetricFamily):
        *counts, sum_s = values
        family.add_metric(labels, list(zip(BOUNDS, accumulate(counts), strict=True)), sum_s)
    elif isinstance(family, GaugeMetricFamily | CounterMetricFamily):
        family.add_metric(labels, values[0])
