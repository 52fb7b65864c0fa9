"""What a process holds, to see what it keeps of what it should have given back."""

import ctypes
import gc
import threading
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Holdings:
    """Threads, open files and sockets, and memory of this process."""

    threads: int
    files: int
    sockets: int
    resident_mb: float

    @classmethod
    def now(cls) -> "Holdings":
        """Count, once the allocator has given back what is free."""
        gc.collect()
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)
        process = psutil.Process()
        return cls(
            threads=threading.active_count(),
            files=process.num_fds(),
            sockets=len(process.net_connections()),
            resident_mb=process.memory_info().rss / 1e6,
        )
