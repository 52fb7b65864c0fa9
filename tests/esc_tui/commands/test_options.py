import click
import pytest

from codec.chunks.plan import ChunkPlan, Stitching
from codec.errors import UsageError
from esc_tui.options.chunks import chunk_plan
from esc_tui.options.command import Display, build
from esc_tui.options.shared import HostName


def plan_of(
    chunk_size: int, overlap_size: int | None, stitching: str | None, *, is_live: bool = False, **values: int
) -> ChunkPlan:
    values_of_options = {"chunk_size": chunk_size, "overlap_size": overlap_size, "stitching": stitching, **values}
    return chunk_plan(values_of_options, is_live=is_live)


SEAMLESS, CROSSFADE = Stitching.SEAMLESS, Stitching.CROSSFADE


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (plan_of(16000, None, None), ChunkPlan(16000, 0, SEAMLESS)),
        (plan_of(16000, 0, None), ChunkPlan(16000, 0, SEAMLESS)),
        (plan_of(16000, 1600, None), ChunkPlan(16000, 1600, CROSSFADE)),
        (plan_of(16000, None, None, is_live=True), ChunkPlan(16000, 1600, CROSSFADE)),
        (plan_of(10000, None, None), ChunkPlan(10000, 1600, CROSSFADE)),
        (plan_of(16000, None, "crossfade"), ChunkPlan(16000, 1600, CROSSFADE)),
        (plan_of(16000, None, "seamless", is_live=True), ChunkPlan(16000, 0, SEAMLESS)),
        (plan_of(16000, None, None, chunk_ms=200), ChunkPlan(3200, 0, SEAMLESS)),
        (plan_of(16000, 1600, None, chunk_ms=200, overlap_ms=20), ChunkPlan(3200, 320, CROSSFADE)),
    ],
)
def test_stitching_follows_from_what_is_given(plan: ChunkPlan, expected: ChunkPlan) -> None:
    """Files are seamless; what is heard live, overlaps, or is no whole number of code frames is crossfaded."""
    assert plan == expected


def test_a_seamless_overlap_is_refused() -> None:
    """Options that contradict each other are not silently bent."""
    with pytest.raises(UsageError, match="overlap must be 0, not 1600"):
        plan_of(16000, 1600, "seamless")


@pytest.mark.parametrize(
    ("host", "bare"), [("::1", "::1"), ("[::1]", "::1"), (" a.example ", "a.example"), ("fe80::1%lo", "fe80::1%lo")]
)
def test_hosts_are_taken_as_people_write_them(host: str, bare: str) -> None:
    """Brackets around an IPv6 address and spaces around a name are no part of it."""
    assert HostName().convert(host, None, None) == bare


@pytest.mark.parametrize("host", ["", " ", "a:80", "[::1]:80", "http://a", "me@a", "a b"])
def test_what_is_more_than_a_host_is_refused(host: str) -> None:
    """A port, a scheme or a user is no part of a host, and nothing is none."""
    with pytest.raises(click.BadParameter, match="its port after --port"):
        HostName().convert(host, None, None)


def test_a_setting_without_a_parameter_is_an_error() -> None:
    """A parameter that is not named as its setting is not dropped without a word."""
    with pytest.raises(KeyError, match="refresh_hz"):
        build(Display, {"headless": True, "json": False, "theme": None, "refresh": 5.0})
