import math

import pytest

from net.telemetry.meters import CodecMeter, DurationMeter, LevelHistory, RateMeter
from tests.clock import FakeClock


def test_a_rate_is_bits_of_the_last_second_in_units_of_1000(clock: FakeClock) -> None:
    """1125 bytes within a second are 9.0 kbps, and nothing a second later."""
    meter = RateMeter("payload", clock)
    meter.start()
    meter.add(1125)
    assert meter.stats().now_kbps == pytest.approx(9.0)
    clock.advance(1.0)
    assert meter.stats().now_kbps == 0.0


def test_the_average_covers_the_whole_stream_and_stops_with_it(clock: FakeClock) -> None:
    """The average is all bytes over the time from start to stop."""
    meter = RateMeter("payload", clock)
    meter.start()
    clock.advance(1.0)
    meter.add(2500)
    clock.advance(1.0)
    meter.stop()
    clock.advance(100.0)
    assert meter.stats().average_kbps == pytest.approx(10.0)
    assert meter.stats().total_bytes == 2500


def test_what_passes_before_the_start_counts_in_the_total_alone(clock: FakeClock) -> None:
    """A handshake is on the wire, but it is no part of the stream's rate."""
    meter = RateMeter("wire", clock)
    meter.add(2000)
    clock.advance(5.0)
    meter.start()
    meter.add(125)
    clock.advance(1.0)
    stats = meter.stats()
    assert stats.total_bytes == 2125
    assert stats.average_kbps == pytest.approx(1.0)
    assert stats.history_kbps == (1.0,)


def test_the_history_has_one_value_a_second(clock: FakeClock) -> None:
    """Seconds with no traffic are zeros; the running second is not in yet."""
    meter = RateMeter("wire", clock)
    meter.start()
    meter.add(125)
    clock.advance(2.5)
    meter.add(250)
    assert meter.stats().history_kbps == (1.0, 0.0)


def test_a_meter_that_never_measured_shows_nothing(clock: FakeClock) -> None:
    """No measurement is not a number, and not zero."""
    assert math.isnan(DurationMeter("encode", clock).stats().p50_ms)
    assert math.isnan(CodecMeter("encode", 16000, clock).stats().rtf_average)


def test_percentiles_cover_the_last_minute_and_extremes_the_whole_stream(clock: FakeClock) -> None:
    """An old outlier leaves the percentiles and stays in the maximum."""
    meter = DurationMeter("encode", clock)
    meter.add(9.0)
    clock.advance(61.0)
    for milliseconds in range(1, 101):
        meter.add(milliseconds / 1000)
    stats = meter.stats()
    assert stats.p50_ms == pytest.approx(50.5)
    assert stats.p95_ms == pytest.approx(95.05)
    assert stats.maximum_ms == pytest.approx(9000)
    assert stats.minimum_ms == pytest.approx(1)
    assert stats.count == 101


def test_the_real_time_factor_is_processing_time_over_audio_time(clock: FakeClock) -> None:
    """Coding a second of sound in 80 ms is 0.08."""
    meter = CodecMeter("encode", 16000, clock)
    with meter.time(16000):
        clock.advance(0.08)
    assert meter.stats().rtf_now == pytest.approx(0.08)
    assert meter.stats().rtf_average == pytest.approx(0.08)


def test_a_levels_history_has_its_value_at_the_end_of_each_second(clock: FakeClock) -> None:
    """Seconds without a change repeat the value; the running second is not in yet."""
    levels = LevelHistory(clock)
    assert levels.values() == ()
    levels.set(6)
    levels.set(5)
    clock.advance(2.5)
    levels.set(3)
    clock.advance(1.0)
    assert levels.values() == (5, 5, 3)


def test_durations_of_each_second_are_averaged_and_old_ones_leave_the_window(clock: FakeClock) -> None:
    """A second in which nothing was measured is not a number; after a minute there are no percentiles."""
    meter = DurationMeter("encode", clock)
    meter.add(0.1)
    meter.add(0.3)
    clock.advance(2.0)
    assert meter.stats().history_ms == pytest.approx((200.0, math.nan), nan_ok=True)
    clock.advance(60.0)
    assert math.isnan(meter.stats().p95_ms)
    assert math.isnan(meter.stats().now_ms)
