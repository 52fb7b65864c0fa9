import threading
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Event times are shown as local time: here that is UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    """What the console starts, it ends."""
    before = set(threading.enumerate())
    yield
    ours = [t.name for t in set(threading.enumerate()) - before if t.name in {"publisher"} or "console" in t.name]
    assert ours == []
