from dataclasses import replace

from esc_tui.plain.report import snapshot_record
from net.telemetry.meters import DurationMeter
from tests.clock import FakeClock
from tests.esc_tui.console.fake_engine import sender_stats


def test_only_the_report_has_what_is_long(clock: FakeClock) -> None:
    """Lines of JSON come several times a second: histories and buckets stand in the report alone."""
    meter = DurationMeter("sent", clock)
    meter.add(0.1)
    stats = replace(sender_stats(41.0), latencies=(meter.stats(),))
    line, report = snapshot_record(stats), snapshot_record(stats, histories=True)
    assert sum(report["latencies"][0]["buckets"]) == 1
    assert not {"buckets", "history_ms"} & set(line["latencies"][0])
    assert line["latencies"][0]["count"] == 1
    assert line["enhanced"] is line["sound"]["input_dbfs"] is None
