import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import kept_inputs
from tests.fuzz.parts import join_parts, split_parts
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_found_stays_fixed(name: str) -> None:
    """Every kept input of every target passes."""
    for data in (*SEEDS[name](), *kept_inputs(name)):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_do_no_harm(name: str) -> None:
    """Random bytes raise nothing but the documented errors."""

    @settings(max_examples=200)
    @given(st.binary(max_size=200))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_nearly_right_bytes_do_no_harm(name: str) -> None:
    """Inputs that were right, with bytes changed, taken away and put in, raise nothing but the documented errors."""

    @settings(max_examples=200)
    @given(
        st.sampled_from(list(SEEDS[name]())),
        st.lists(st.tuples(st.integers(0, 2**12), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=4),
    )
    def run(seed: bytes, changes: list[tuple[int, int, bytes]]) -> None:
        for place, taken, put in changes:
            at = place % (len(seed) + 1)
            seed = seed[:at] + put + seed[at + taken :]
        TARGETS[name](seed)

    run()


@given(st.lists(st.binary(max_size=20)))
def test_parts_come_back(parts: list[bytes]) -> None:
    """Joining and splitting undo each other."""
    assert split_parts(join_parts(parts)) == parts
