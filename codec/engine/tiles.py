"""Work on one codec call, shared among threads in tiles.

PyTorch's own threads split each operation, with a barrier after each and caches that have long been overwritten when
the next operation reads. Here one thread takes a tile, small enough for its cache, through many operations, each run
by that thread alone. Tiles are cut the same way whatever the number of threads, so results do not depend on it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise

import torch

Work = Callable[[int, int], None]
"""Handles one tile: the positions from the first number up to the second."""


class Job:
    """Tiles that several threads take one after another; every one is done when `finish` returns."""

    def __init__(self, work: Work, tiles: list[tuple[int, int]]) -> None:
        self._work = work
        self._tiles = tiles
        self._taken = 0
        self._done = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def help(self) -> None:
        """Run tiles until none is left."""
        while True:
            with self._changed:
                if self._taken == len(self._tiles) or self._error is not None:
                    return
                tile = self._tiles[self._taken]
                self._taken += 1
            self._do(tile)

    def finish(self) -> None:
        """Run tiles, then wait for those of other threads; raise what any of them raised."""
        self.help()
        with self._changed:
            self._changed.wait_for(lambda: self._done == self._taken)
            if self._error is not None:
                raise self._error

    def _do(self, tile: tuple[int, int]) -> None:
        error: BaseException | None = None
        try:
            self._work(*tile)
        except BaseException as caught:  # noqa: BLE001 - raised again in the thread that waits for the result
            error = caught
        with self._changed:
            self._done += 1
            self._error = self._error or error
            self._changed.notify_all()


def for_tiles(work: Work, tiles: list[tuple[int, int]], threads: int) -> None:
    """Do `work` for all tiles with the calling thread and up to `threads` − 1 helpers, as far as these are idle."""
    if threads < 2 or len(tiles) < 2:
        for tile in tiles:
            work(*tile)
        return
    job = Job(work, tiles)
    for _ in range(min(threads, len(tiles)) - 1):
        _helpers().submit(_help, job)
    job.finish()


def cut(length: int, most: int) -> list[tuple[int, int]]:
    """Cut `length` positions into an even number of nearly equal tiles of at most `most` (or into one of one)."""
    count = min(length, 2 * -(-length // (2 * most)))
    edges = [length * index // count for index in range(count + 1)]
    return list(pairwise(edges))


@contextmanager
def own_thread_only() -> Iterator[None]:
    """Let the calling thread run operations alone: PyTorch's own threads, as they wait, would slow the helpers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _helpers() -> ThreadPoolExecutor:
    """One set of helpers for the process, however many models and callers it has; they end with the process."""
    count = max(1, (os.cpu_count() or 2) - 1)
    return ThreadPoolExecutor(count, thread_name_prefix="codec", initializer=torch.set_num_threads, initargs=(1,))


def _help(job: Job) -> None:
    with torch.inference_mode():
        job.help()
