from collections.abc import Iterator

import pytest
import torch

from esc_tui.options import files


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the small network in one thread: more threads only wait for each other."""
    threads = torch.get_num_threads()
    monkeypatch.setattr("esc_tui.batch.run.available_cores", lambda: 1)
    monkeypatch.setattr(files, "available_cores", lambda: 1)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
