import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from codec.codec import Codec
from tests.clock import FakeClock

DATA = Path(__file__).parent / "data"
DEADLINE_S = 20.0

# A busy machine makes slow examples, which say nothing about the code.
settings.register_profile("esc-tui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("esc-tui")

needs_metrics = pytest.mark.skipif(
    not (find_spec("pystoi") and find_spec("pesq")), reason="the extra 'metrics' is not installed"
)

WaitUntil = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="session")
def tiny_codec() -> Codec:
    """A small model with random weights: fast, and noisy."""
    return Codec.load(DATA / "golden" / "tiny")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wait_until() -> WaitUntil:
    """Wait for a condition under a deadline."""

    def wait(condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline_s, "the condition did not come true in time"
            threading.Event().wait(0.005)

    return wait


@pytest.fixture(autouse=True)
def no_thread_survives() -> Iterator[None]:
    """Every test leaves as many threads as it found; those that share the codec's work last as long as the process."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith(("asyncio_", "ThreadPoolExecutor", "codec_")):
            thread.join(DEADLINE_S)
            assert not thread.is_alive(), f"the thread {thread.name} survived the test"
