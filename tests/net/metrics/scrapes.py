"""Engines that show given snapshots, and their metrics as Prometheus' own parser reads them."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from net.metrics.collector import EngineCollector
from net.telemetry.stats import Event, Severity, StreamStats

Scrape = dict[tuple[str, frozenset[tuple[str, str]]], float]


class ShownEngine:
    """The part of an `Engine` that is read."""

    def __init__(self, *streams: StreamStats) -> None:
        self.streams: tuple[StreamStats, ...] = streams
        self.events: list[Event] = []

    def snapshots(self) -> tuple[StreamStats, ...]:
        return self.streams

    def events_since(self, sequence: int) -> tuple[Event, ...]:
        return tuple(self.events[sequence:])

    def log(self, severity: Severity) -> None:
        self.events.append(Event(len(self.events), 0.0, severity, "something happened"))


def parsed(text: str) -> Scrape:
    """All samples of a scrape, by name and labels."""
    found: Scrape = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"{key} stands there twice"
            found[key] = sample.value
    return found


class Scraper:
    """Scrapes engines again and again."""

    def __init__(self, *engines: ShownEngine) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(EngineCollector(engines))  # type: ignore[arg-type]

    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def scrape(self) -> Scrape:
        return parsed(self.text())

    def value(self, name: str, **labels: str) -> float:
        return self.scrape()[name, frozenset(labels.items())]


def names(scrape: Scrape) -> set[str]:
    return {name for name, _ in scrape}


def label_values(scrape: Scrape, label: str) -> set[str]:
    return {value for _, labels in scrape for name, value in labels if name == label}


def differences(before: Scrape, after: Scrape, suffixes: Sequence[str] = ("_total", "_bucket", "_count")) -> set[str]:
    """The counters that have fallen or vanished."""
    counters = {key: value for key, value in before.items() if key[0].endswith(tuple(suffixes))}
    return {key[0] for key, value in counters.items() if after.get(key, -1.0) < value}
