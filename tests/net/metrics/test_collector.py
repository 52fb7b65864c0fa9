"""What Prometheus reads of engines' snapshots."""

import re
from dataclasses import replace

import pytest

from net.runtime.queues import QueueStats
from net.telemetry.meters import DurationMeter
from net.telemetry.stats import BUCKET_BOUNDS_S, DurationStats, LinkState, Severity, StreamStats
from tests.clock import FakeClock
from tests.esc_tui.console.fake_engine import receiver_stats, sender_stats
from tests.net.metrics.scrapes import Scraper, ShownEngine, differences, label_values, names

PLACE = {"role": "receiver", "stream": "1"}


def stream(
    stream_id: str, state: LinkState = LinkState.STREAMING, *, wire_bytes: int = 1000, **changes: object
) -> StreamStats:
    stats = receiver_stats(10.0, state, stream_id)
    wire = replace(stats.wire, total_bytes=wire_bytes)
    return replace(stats, wire=wire, **changes)  # type: ignore[arg-type]


def test_base_units_replace_those_of_the_console() -> None:
    """Bitrates are bytes a second, durations seconds, and counters are called totals."""
    scraper = Scraper(ShownEngine(sender_stats(41.0)))
    place = {"role": "sender", "stream": "1"}
    stats = sender_stats(41.0)
    assert scraper.value("esc_nominal_bytes_per_second", **place) == 9000 / 8
    assert scraper.value("esc_payload_bytes_per_second", **place) == pytest.approx(stats.payload.now_kbps * 125)
    assert scraper.value("esc_wire_bytes_total", **place) == stats.wire.total_bytes
    assert scraper.value("esc_clock_offset_seconds", **place) == pytest.approx(0.0012)
    assert scraper.value("esc_queue_depth_chunks", **place, queue="unacked") == 3
    assert scraper.value("esc_chunks_in_flight", **place) == 3
    assert scraper.value("esc_stream_state", **place, state="streaming") == 1
    assert scraper.value("esc_stream_state", **place, state="paused") == 0


def test_names_follow_the_conventions() -> None:
    """One prefix, lower case, no unit that is not a base unit, `_total` at counters alone."""
    scraper = Scraper(ShownEngine(sender_stats(41.0)), ShownEngine(receiver_stats(41.0)))
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)", scraper.text(), re.MULTILINE))
    assert kinds
    for name, kind in kinds.items():
        assert re.fullmatch(r"esc_[a-z_]+", name)
        assert not re.search(r"_(ms|kbps|bits|ppm|percent)(_|$)", name)
        assert name.endswith("_total") == (kind == "counter")


def test_every_duration_is_counted_in_its_bucket(clock: FakeClock) -> None:
    """Long after the window of the percentiles, the histogram still holds each chunk, at the right bound."""
    meter = DurationMeter("decoded", clock)
    for duration_s in (0.0005, 0.001, 0.3, 0.301, 99.0):
        meter.add(duration_s)
        clock.advance(3600.0)
    scraper = Scraper(ShownEngine(stream("a", latencies=(meter.stats(),))))
    buckets = {
        bound: scraper.value("esc_latency_seconds_bucket", **PLACE, stage="decoded", le=bound)
        for bound in ("0.001", "0.2", "0.3", "0.5", "10.0", "+Inf")
    }
    assert buckets == {"0.001": 2, "0.2": 2, "0.3": 3, "0.5": 4, "10.0": 4, "+Inf": 5}
    assert scraper.value("esc_latency_seconds_count", **PLACE, stage="decoded") == 5
    assert scraper.value("esc_latency_seconds_sum", **PLACE, stage="decoded") == pytest.approx(99.6025)


def test_what_is_not_measured_has_no_sample() -> None:
    """No playback, no clock offset, no real-time factor: no number is made up for them."""
    bare = StreamStats(
        role=stream("a").role,
        stream_id="a",
        state=LinkState.CONNECTING,
        epoch_s=0.0,
        latencies=(DurationStats("sent"),),
    )
    found = names(Scraper(ShownEngine(bare)).scrape())
    assert not found & {"esc_clock_offset_seconds", "esc_real_time_ratio", "esc_stream_info"}
    assert not [name for name in found if "playback" in name]
    assert "esc_latency_seconds_bucket" in found


def test_streams_that_come_and_go_share_few_places() -> None:
    """Ninety-nine streams, three at a time, have three label values, and no counter ever falls."""
    engine = ShownEngine()
    scraper = Scraper(engine)
    before = scraper.scrape()
    for number in range(0, 99, 3):
        ids = [f"{number + place}" for place in range(3)]
        engine.streams = tuple(stream(each) for each in ids)
        during = scraper.scrape()
        engine.streams = tuple(stream(each, LinkState.DONE, wire_bytes=2000) for each in ids)
        after = scraper.scrape()
        assert not differences(before, during) | differences(during, after)
        before = after
    assert label_values(before, "stream") == {"1", "2", "3"}
    assert sum(value for (name, _), value in before.items() if name == "esc_wire_bytes_total") == 2000 * 99
    assert scraper.value("esc_streams_started_total", role="receiver") == 99


def test_streams_between_two_scrapes_are_counted() -> None:
    """Those that the engine still shows count in full, once, though Prometheus never saw them run."""
    engine = ShownEngine(stream("a"))
    scraper = Scraper(engine)
    scraper.scrape()
    ended = [stream(each, LinkState.FAILED, wire_bytes=500) for each in "bcd"]
    engine.streams = (stream("a", LinkState.DONE, wire_bytes=1500), *ended, stream("e", wire_bytes=7))
    for _ in range(3):
        assert scraper.value("esc_wire_bytes_total", **PLACE) == 1500 + 3 * 500 + 7
    assert scraper.value("esc_streams_started_total", role="receiver") == 5
    assert scraper.value("esc_streams_failed_total", role="receiver") == 3
    assert scraper.value("esc_streams_running", role="receiver") == 1


def test_a_stream_that_begins_anew_under_its_name_adds_up() -> None:
    """A failed stream that its sender resumes counts from its new beginning, and what it had before stays."""
    engine = ShownEngine(stream("a", LinkState.FAILED, wire_bytes=900))
    scraper = Scraper(engine)
    scraper.scrape()
    engine.streams = (stream("a", wire_bytes=100),)
    assert scraper.value("esc_wire_bytes_total", **PLACE) == 1000
    assert scraper.value("esc_stream_state", **PLACE, state="streaming") == 1


def test_hostile_names_are_no_labels() -> None:
    """What a peer calls itself and its sound is nowhere in a scrape."""
    text = Scraper(ShownEngine(stream("a", source='evil"} 1\n', peer="evil"))).text()
    assert "evil" not in text


def test_events_are_counted_by_severity() -> None:
    """Each event counts once, whenever it is scraped."""
    engine = ShownEngine()
    scraper = Scraper(engine)
    for severity in (Severity.INFO, Severity.ERROR, Severity.ERROR):
        engine.log(severity)
        scraper.scrape()
    assert scraper.value("esc_events_total", role="receiver", severity="error") == 2
    assert scraper.value("esc_events_total", role="receiver", severity="warning") == 0


def test_queues_in_other_units_are_left_out() -> None:
    """A queue of milliseconds is not taken for one of chunks."""
    queue = QueueStats("play", 300, 1000, 400, unit="ms")
    scraper = Scraper(ShownEngine(stream("a", queues=(queue,))))
    assert "esc_queue_depth_chunks" not in names(scraper.scrape())


def test_bounds_rise() -> None:
    """Prometheus wants them sorted, each once."""
    assert list(BUCKET_BOUNDS_S) == sorted(set(BUCKET_BOUNDS_S))
