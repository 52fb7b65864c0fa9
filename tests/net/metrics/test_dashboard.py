"""The Grafana dashboard in `docs` and the metrics that it asks for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from net.metrics.stream_values import ALL, Kind
from tests.esc_tui.console.fake_engine import receiver_stats, sender_stats
from tests.net.metrics.scrapes import Scraper, ShownEngine, names

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana-dashboard.json"
METRIC = re.compile(r"\b(?:esc|process)_[a-z_]+")
OF_THE_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
SELECTOR_LABELS = {"job", "role", "stream", "state", "severity"}


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return loaded


def queries() -> Iterator[str]:
    found = dashboard()
    yield from (target["expr"] for panel in found["panels"] for target in panel.get("targets", ()))
    yield from (variable["query"] for variable in found["templating"]["list"] if variable["type"] == "query")


def test_every_metric_that_it_asks_for_is_served() -> None:
    """Each name in a query stands in a scrape of a sender and a receiver."""
    served = names(Scraper(ShownEngine(sender_stats(41.0)), ShownEngine(receiver_stats(41.0))).scrape())
    asked = {name for query in queries() for name in METRIC.findall(query)} - OF_THE_PROCESS
    assert len(asked) > 25
    assert not asked - served


def test_it_shows_nearly_all_that_is_served() -> None:
    """Of the stream's metrics those that are left out are few, and named here."""
    text = "\n".join(queries())
    left_out = {metric.name for metric in ALL if metric.name not in text and metric.kind is not Kind.HISTOGRAM}
    assert left_out == {
        *("esc_chunks_in_flight", "esc_chunks_played", "esc_chunks_read", "esc_chunks_silent", "esc_chunks_stitched"),
        *("esc_clipped_samples", "esc_on_air_seconds", "esc_queue_high_water_chunks"),
        *("esc_playback_device_connected", "esc_playback_drift_ratio", "esc_playback_dry_device"),
        "esc_playback_underruns",
    }


def test_it_selects_by_labels_that_there_are() -> None:
    """Every selector and every variable is a label of the samples, or Prometheus' own `job`."""
    for query in queries():
        for selector in re.findall(r"\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)(?:=~|!=|=)", selector)) <= SELECTOR_LABELS


def test_grafana_can_load_it() -> None:
    """Panels have their own numbers and do not overlap; each query uses the chosen data source."""
    found = dashboard()
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = set()
    for panel in panels:
        x, y, width, height = (panel["gridPos"][side] for side in "xywh")
        taken = {(column, line) for column in range(x, x + width) for line in range(y, y + height)}
        assert not taken & cells
        assert x + width <= 24
        cells |= taken
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
