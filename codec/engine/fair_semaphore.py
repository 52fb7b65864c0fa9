"""A semaphore that serves callers in order."""

import threading
from collections import deque


class FairSemaphore:
    """A context that at most `slots` threads are in at once. First in, first out.

    A lock of the standard library may let one thread wait for long while others come back again and again.
    """

    def __init__(self, slots: int) -> None:
        self._lock = threading.Lock()
        self._free = slots
        self._waiting: deque[threading.Lock] = deque()
        """For each waiting thread a lock, released when it may enter."""

    @property
    def waiting(self) -> int:
        """How many threads wait to enter."""
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            admission = threading.Lock()
            admission.acquire()
            self._waiting.append(admission)
        try:
            admission.acquire()
        except BaseException:  # such as KeyboardInterrupt: the slot, if it has come by now, is the next thread's
            self._cancel(admission)
            raise

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._release()

    def _cancel(self, admission: threading.Lock) -> None:
        with self._lock:
            if admission in self._waiting:
                self._waiting.remove(admission)
            else:
                self._release()

    def _release(self) -> None:
        if self._waiting:
            self._waiting.popleft().release()
        else:
            self._free += 1
