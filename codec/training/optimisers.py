"""AdamW, and Muon for the hidden matrices."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from codec.training.settings import TrainingSettings

ADAM_BETAS = (0.9, 0.99)
"""The second is shorter than the usual 0.999: with few steps, gradients change faster than that remembers."""

MUON_MOMENTUM = 0.95
NEWTON_SCHULZ_ROUNDS = 5
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients by Keller Jordan (2024), that bring singular values near 1 in few rounds."""
ADAM_LIKE_RMS = 0.2
"""Root mean square of an update at rate 1, about that of AdamW's, so that similar rates suit both."""


class Muon(Optimizer):
    """Momentum, orthogonalised (Jordan, 2024), for matrices.

    Departs from the paper, which has AdamW alone: measured on a CPU, Muon reached the same losses in about two thirds
    of AdamW's time. It works in float32 on all matrices of one shape at once. (`torch.optim.Muon` works in bfloat16,
    one matrix at a time, which on CPUs without bfloat16 more than doubles a step.)
    """

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 - torch's signature
        """Move all matrices that have a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape.setdefault(matrix.shape, []).append(matrix)
            for matrices in by_shape.values():
                self._move(matrices, group["lr"])

    def _move(self, matrices: list[Tensor], rate: float) -> None:
        looked_ahead = []
        for matrix in matrices:
            gradient = matrix.grad
            assert gradient is not None
            state: dict[str, Any] = self.state[matrix]
            momentum: Tensor = state.setdefault("momentum", torch.zeros_like(matrix))
            momentum.mul_(MUON_MOMENTUM).add_(gradient)
            looked_ahead.append(gradient + MUON_MOMENTUM * momentum)
        scale = ADAM_LIKE_RMS * max(matrices[0].shape) ** 0.5
        for matrix, update in zip(matrices, orthogonalised(torch.stack(looked_ahead)), strict=True):
            matrix.sub_(update, alpha=rate * scale)


def orthogonalised(matrices: Tensor) -> Tensor:
    """About the nearest orthogonal matrix to each of `[matrix, row, column]`, by Newton and Schulz."""
    tall = matrices.shape[1] > matrices.shape[2]
    update: Tensor = matrices.transpose(1, 2) if tall else matrices
    update = update / (update.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    first, second, third = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_ROUNDS):
        gram = update @ update.transpose(1, 2)
        update = first * update + torch.baddbmm(gram, gram, gram, beta=second, alpha=third) @ update
    return update.transpose(1, 2) if tall else update


class Optimisers:
    """The optimisers of one network, moved, saved and loaded as one."""

    def __init__(self, network: nn.Module, settings: TrainingSettings) -> None:
        named = dict(network.named_parameters())
        matrices = [name for name in named if settings.optimiser == "muon" and is_hidden_matrix(name, named[name])]
        others = [parameter for name, parameter in named.items() if name not in set(matrices)]
        self.adamw = AdamW(others, settings.learning_rate, betas=ADAM_BETAS, weight_decay=0)
        self._all: list[Optimizer] = [self.adamw]
        if matrices:
            self._all.append(Muon([named[name] for name in matrices], settings.muon_learning_rate))
        self._rates = [optimiser.param_groups[0]["lr"] for optimiser in self._all]

    def step(self, rate_factor: float) -> None:
        """Move all parameters, at their rates times `rate_factor`."""
        for optimiser, rate in zip(self._all, self._rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * rate_factor
            optimiser.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """State for a checkpoint."""
        return [optimiser.state_dict() for optimiser in self._all]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Take over the state of a checkpoint of the same optimisers; rates stay those of the settings."""
        for optimiser, state in zip(self._all, states, strict=True):
            optimiser.load_state_dict(state)


def is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """Whether Muon moves it: projections, not tables that are looked up."""
    return parameter.dim() == 2 and "embedding" not in name and "table" not in name
