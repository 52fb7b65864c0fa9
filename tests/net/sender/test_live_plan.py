from dataclasses import replace

import msgspec
import pytest

from codec import Codec
from codec.chunks.plan import ChunkPlan, Stitching
from net.live import decoding_lookahead_samples
from net.sender.live_plan import MOST_LOAD, LivePlan, choose, plan_live, wire_kbps
from tests.clock import FakeClock
from tests.net.protocol.exchange import HELLO

CROSSFADED = LivePlan(ChunkPlan(2560, 320), encode_ms=15, decode_ms=12, sample_rate=16000, wire_kbps=12.5)
SEAMLESS = LivePlan(ChunkPlan(1280, 0, Stitching.SEAMLESS), 14, 9, 16000, 10.6)


def test_what_is_heard_sooner_is_chosen() -> None:
    """Whichever way of joining chunks is sooner is taken, and the other one is named with its figures."""
    choice = choose(CROSSFADED, SEAMLESS)
    assert (choice.chosen, choice.other) == (SEAMLESS, CROSSFADED)
    assert SEAMLESS.mouth_to_ear_ms == CROSSFADED.mouth_to_ear_ms - 80 + 40 - 4
    for figure in ("80 ms, seamless", "10.6 kbps", "160 ms, cross-faded", f"{CROSSFADED.mouth_to_ear_ms:.0f} ms"):
        assert figure in choice.describe()
    slower = replace(SEAMLESS, plan=ChunkPlan(2560, 0, Stitching.SEAMLESS))
    assert choose(CROSSFADED, slower).chosen == CROSSFADED


@pytest.mark.parametrize("change", [{"encode_ms": 80 * MOST_LOAD}, {"wire_kbps": 12.6}])
def test_seamless_chunks_must_keep_up_and_need_no_more_bits(change: dict[str, float]) -> None:
    """Otherwise they are no choice, and cross-faded ones are taken however long they are."""
    choice = choose(replace(CROSSFADED, encode_ms=200), replace(SEAMLESS, **change))
    assert choice.chosen.plan == CROSSFADED.plan
    assert choice.other is None


class SlowClock(FakeClock):
    """Each coding takes `step_s` of it."""

    def __init__(self, step_s: float) -> None:
        super().__init__()
        self._step_s = step_s

    def monotonic_s(self) -> float:
        self.advance(self._step_s)
        return super().monotonic_s()


@pytest.mark.parametrize(
    ("coding_ms", "seamless_ms", "crossfaded_ms"), [(1, 80, 160), (21, 120, 160), (50, 240, 240), (900, None, 960)]
)
def test_the_preset_measures_what_it_chooses(
    tiny_codec: Codec, coding_ms: int, seamless_ms: int | None, crossfaded_ms: int
) -> None:
    """The slower the machine, the longer the chunks, so that coding at both ends takes at most half of the time."""
    choice = plan_live(tiny_codec, 6, SlowClock(coding_ms / 1000))
    assert (choice.chosen.encode_ms, choice.chosen.decode_ms) == pytest.approx((coding_ms, coding_ms))
    if seamless_ms is None:
        assert (choice.chosen.chunk_ms, choice.other) == (crossfaded_ms, None)
        assert choice.chosen.load > MOST_LOAD
    else:
        assert choice.other
        assert (choice.chosen.chunk_ms, choice.other.chunk_ms) == (seamless_ms, crossfaded_ms)
        assert max(choice.chosen.load, choice.other.load) <= MOST_LOAD


def test_bits_on_the_wire_count_overlap_tails_and_headers(tiny_codec: Codec) -> None:
    """8 or 9 frames of 90 bytes in so many streams, and 16 bytes more, for each chunk."""
    nominal = tiny_codec.kbps(6)
    crossfaded = wire_kbps(tiny_codec, 6, CROSSFADED.plan)
    assert crossfaded == pytest.approx((nominal * 9 * 0.02 + 0.128) / 0.14)
    assert wire_kbps(tiny_codec, 6, SEAMLESS.plan) == pytest.approx((nominal * 0.08 + 0.128) / 0.08)


@pytest.mark.parametrize(
    ("wanted_ms", "live", "chunk_samples", "expected"),
    [
        (None, True, 1280, 640),
        (None, True, 16000, None),
        (None, False, 1280, None),
        (80, False, 1280, 1280),
        (0, True, 1280, 0),
    ],
)
def test_a_receiver_waits_for_less_of_quick_streams(
    wanted_ms: float | None, live: bool, chunk_samples: int, expected: int | None
) -> None:
    """Live speech in short chunks is decoded soon, all else as well as can be, unless somebody asked for something."""
    hello = msgspec.structs.replace(
        HELLO, live=live, chunk_samples=chunk_samples, stitching="seamless", overlap_samples=0
    )
    assert decoding_lookahead_samples(wanted_ms, hello) == expected
