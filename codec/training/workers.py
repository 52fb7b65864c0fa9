"""Several processes that train one network, each on its share of every batch, as torchrun starts them.

On a CPU, one process with one thread for each core is faster than one process with many threads: tensors are small,
and no core waits for another but once a step.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from codec.errors import UsageError


@dataclass(frozen=True, slots=True)
class Workers:
    """This process's place among the workers; alone, all of this does nothing."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this one shows progress and writes files."""
        return self.rank == 0

    def share(self, clips: int) -> int:
        """Clips of a batch for each worker; raises `UsageError` where they cannot be shared evenly."""
        if clips % self.count:
            raise UsageError(f"batch_clips {clips} must be a multiple of the {self.count} workers: change either")
        return clips // self.count

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Give every worker the mean of all workers' gradients; where one has none, it counts as zero."""
        if self.count == 1:
            return
        own = list(parameters)
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in own]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        means = torch.split(flat / self.count, [one.numel() for one in own])
        for one, mean in zip(own, means, strict=True):
            one.grad = mean.view_as(one)

    def sum(self, tensor: Tensor) -> None:
        """Give every worker the sum of all workers' tensors, in place."""
        if self.count > 1:
            distributed.all_reduce(tensor)

    def follow(self, tensors: Iterable[Tensor]) -> None:
        """Give every worker the first one's tensors, in place."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def follow_number(self, number: float) -> float:
        """The first worker's number."""
        told = torch.tensor(number, dtype=torch.float64)
        self.follow([told])
        return float(told)


@contextmanager
def join_workers(device: str) -> Iterator[Workers]:
    """Join the workers that torchrun started, or stay alone where it did not; leave them when the run ends."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Workers()
        return
    if device != "cpu":
        raise UsageError(f"several workers train on the CPU, not on {device}: start one without torchrun")
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    try:
        yield Workers(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
