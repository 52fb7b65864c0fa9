"""A disk that takes nothing."""

import contextlib
import os
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def full_disk(largest_file_bytes: int = 0) -> Iterator[None]:
    """Let the system refuse every write to a file beyond this size, however it is made."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))
