import pytest

from net.runtime.sliding_window import SlidingWindow


@pytest.mark.parametrize(("fewest", "kept"), [(0, [5.0]), (2, [4.0, 5.0]), (9, [1.0, 2.0, 3.0, 4.0, 5.0])])
def test_old_values_leave_but_the_newest_few_stay(fewest: int, kept: list[float]) -> None:
    """After 10 s nothing older is left, however irregularly values came, but as many as must be kept."""
    window: SlidingWindow[float] = SlidingWindow(10.0, fewest=fewest)
    for now_s in (1.0, 2.0, 3.0, 4.0):
        window.add(now_s, now_s)
    assert (min(window), max(window), len(window)) == (1.0, 4.0, 4)
    window.add(5.0, 14.0)
    assert list(window) == kept
    assert window.newest == 5.0


def test_a_window_empties_by_time_alone() -> None:
    """Nothing need come in for the old to leave."""
    window: SlidingWindow[int] = SlidingWindow(1.0)
    window.add(7, 0.0)
    window.expire(0.9)
    assert list(window) == [7]
    window.expire(1.0)
    assert window.newest is None
    assert min(window, default=-1) == -1
