import pytest

from net.audio.excess_delay import FEWEST_ARRIVALS, NEGLIGIBLE_MS, PATIENCE_S, WINDOW_S, ExcessDelay
from net.audio.target_delay import CALM_S, GROWTH_MS, JITTER_MARGIN_MS, MAX_TARGET_MS, OUTAGE_MS, TargetDelay


def arrive(target: TargetDelay, reserves_ms: list[float], mean_ms: float, seconds: float) -> None:
    """Sound arrives ten times a second, and leaves these reserves in turn."""
    for count in range(round(seconds * 10)):
        target.observe_arrival(reserves_ms[count % len(reserves_ms)], mean_ms, 0.1)


@pytest.mark.parametrize(("late_ms", "grown_ms"), [(1, GROWTH_MS), (50, 50), (400, 100), (OUTAGE_MS + 1, 0)])
def test_it_grows_by_lateness_within_bounds(late_ms: float, grown_ms: float) -> None:
    """By 20 ms at least and a quarter at most; an outage is no jitter."""
    target = TargetDelay(400)
    target.observe_late(late_ms)
    assert target.jitter_ms == 400 + grown_ms


def test_it_never_grows_beyond_its_maximum() -> None:
    """However often and late sound comes."""
    target = TargetDelay(80)
    for _ in range(100):
        target.observe_late(1000)
    assert target.jitter_ms == MAX_TARGET_MS


def test_it_shrinks_only_when_it_is_calm_and_not_below_what_the_spread_needs() -> None:
    """Half a minute after an underrun it falls to the spread of the reserves and a margin, then to its least value."""
    target = TargetDelay(80)
    target.observe_late(OUTAGE_MS)
    for _ in range(3):
        target.observe_late(OUTAGE_MS)
    grown_ms = target.jitter_ms
    target.observe_underrun()
    arrive(target, [200, 80], 200, CALM_S - 1)
    assert target.jitter_ms == grown_ms
    arrive(target, [200, 80], 200, 200)
    assert target.jitter_ms == pytest.approx(max(80, 120 + JITTER_MARGIN_MS))
    arrive(target, [200, 190], 200, 200)
    assert target.jitter_ms == 80


def test_excess_is_known_after_a_second_and_urgent_after_two() -> None:
    """It is what even the least reserve of the last second is beyond the target; a cut reduces it at once."""
    excess = ExcessDelay()
    for _ in range(FEWEST_ARRIVALS):
        excess.observe(300, 100, WINDOW_S / FEWEST_ARRIVALS)
    assert excess.excess_ms(100) == 200
    assert not excess.is_urgent
    excess.observe(250, 100, PATIENCE_S)
    assert excess.is_urgent
    assert excess.excess_ms(100) == 150
    excess.remove(100)
    assert excess.excess_ms(100) == 0 < NEGLIGIBLE_MS
    excess.observe(151, 100, 0.1)
    assert not excess.is_urgent
