"""One training step after the other."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from codec.network.esc import ESC, Coded
from codec.training.adversarial import Adversary
from codec.training.codebooks import BookUse, CodebookUse, start_codebooks
from codec.training.losses import LoudnessLoss, MelLoss, snr_loss, spectrum_loss
from codec.training.optimisers import Optimisers
from codec.training.settings import TrainingSettings
from codec.training.speech import ClipSource
from codec.training.workers import Workers

START_SEED, REVIVE_SEED, STREAM_SEED = range(3)


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step gave."""

    step: int
    """Steps done, this one included."""
    num_streams: int
    losses: dict[str, float]
    """Unweighted, by name; `snr_db` in dB."""
    gradient_norm: float
    skipped: bool
    """The gradient was not finite, and nothing was moved."""
    book_use: list[BookUse] | None = None
    """For each codebook, in steps that revived dead codewords."""


class Trainer:
    """A network and all that its training needs.

    Whatever is random in a step follows from the seed and the step's number, so that training from a checkpoint gives
    what going on would have given.
    """

    def __init__(
        self,
        network: ESC,
        clips: ClipSource,
        settings: TrainingSettings,
        *,
        device: str,
        adversarial: bool = False,
        workers: Workers | None = None,
    ) -> None:
        self.network = network.to(device).train().requires_grad_(True)
        self.step = 0
        self.quantizing = settings.pretraining_steps == 0
        """Whether codebooks are in use: after the pre-training."""
        self._clips = clips
        self._settings = settings
        self._device = torch.device(device)
        self._workers = workers or Workers()
        self._own_clips = self._workers.share(settings.batch_clips)
        self._optimisers = Optimisers(network, settings)
        self._use = CodebookUse(network)
        self._mel_loss = MelLoss(network.config.sr).to(device)
        self._loudness_loss = LoudnessLoss(network.config.sr).to(device)
        self._adversary = Adversary(settings.discriminator_rate, device) if adversarial else None

    def train_step(self, rate_factor: float) -> StepReport:
        """Draw a batch, and move the network by its gradient; a gradient that is not finite moves nothing."""
        if not self.quantizing and self.step >= self._settings.pretraining_steps:
            start_codebooks(self.network, self._start_batch, self._generator(START_SEED))
            self._workers.follow(self._codebooks())
            self.quantizing = True
        sound = self._batch(self.step)
        num_streams = self._draw_streams()
        decoded, coded = self._forward(sound, num_streams)
        losses = self._losses(sound, decoded, coded)
        if self._adversary is not None:
            losses |= self._adversary.losses(sound, decoded)
        self.network.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack([self._weight(name) * loss for name, loss in losses.items()]).sum())
        self._workers.average_gradients(self.network.parameters())
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._settings.clip_norm))
        finite = math.isfinite(norm)
        if finite:
            self._optimisers.step(rate_factor)
            self._use.add(coded.codes)
            if self._adversary is not None:
                self._adversary.learn(sound, decoded.detach(), rate_factor, self._workers)
        self.step += 1
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        values["snr_db"] = -10 * values.pop("snr")
        return StepReport(self.step, num_streams, values, norm, not finite, self._revive())

    def state(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        state: dict[str, Any] = {
            "step": self.step,
            "quantizing": self.quantizing,
            "network": self.network.state_dict(),
            "optimisers": self._optimisers.state_dict(),
            "code_counts": self._use.counts,
        }
        return state | ({} if self._adversary is None else {"adversary": self._adversary.state_dict()})

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`; the discriminator starts anew where it has none."""
        self.network.load_state_dict(state["network"])
        self._optimisers.load_state_dict(state["optimisers"])
        self._use.counts.copy_(state["code_counts"])
        self.step, self.quantizing = state["step"], state["quantizing"]
        if self._adversary is not None and "adversary" in state:
            self._adversary.load_state_dict(state["adversary"])

    def _forward(self, sound: Tensor, num_streams: int) -> tuple[Tensor, Coded]:
        # Transforms stay in float32: bfloat16 knows no complex numbers.
        spectrum = self.network.spectrum.analyse(sound)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            coded = self.network.code(spectrum, num_streams, freeze=not self.quantizing)
        return self.network.spectrum.synthesise(coded.decoded_spectrum.float()), coded

    def _losses(self, sound: Tensor, decoded: Tensor, coded: Coded) -> dict[str, Tensor]:
        return {
            "mel": self._mel_loss(sound, decoded),
            "spectrum": spectrum_loss(coded.spectrum, coded.decoded_spectrum.float()),
            "snr": snr_loss(sound, decoded),
            "loudness": self._loudness_loss(sound, decoded),
            "commitment": torch.stack(coded.commitment_losses).sum(),
            "codebook": torch.stack(coded.codebook_losses).sum(),
        }

    def _weight(self, name: str) -> float:
        return float(getattr(self._settings, f"{name}_weight", 1.0))

    def _draw_streams(self) -> int:
        # Not evenly, as the paper: more steps with all streams favour the highest bitrate, the default.
        most = self.network.config.max_streams
        generator = self._generator(STREAM_SEED)
        if not self.quantizing or torch.rand((), generator=generator) < self._settings.all_streams_share:
            return most
        return 1 + int(torch.randint(most - 1, (), generator=generator))

    def _revive(self) -> list[BookUse] | None:
        if not self.quantizing or self.step % self._settings.revive_steps:
            return None
        sound, generator = self._batch(self.step), self._generator(REVIVE_SEED)
        self._workers.sum(self._use.counts)
        uses = self._use.revive(sound, self._settings.dead_share, self._optimisers.adamw, generator)
        self._workers.follow(self._codebooks())
        return uses

    def _codebooks(self) -> list[Tensor]:
        return [book.embedding.weight.data for quantizer in self.network.streams for book in quantizer.books]

    def _start_batch(self, number: int) -> Tensor:
        return self._batch(self.step + number)

    def _batch(self, step: int) -> Tensor:
        return self._clips.batch(step, self._own_clips, self._workers.rank).to(self._device)

    def _generator(self, purpose: int) -> torch.Generator:
        # Hashed, since neighbouring seeds of torch's generator give alike first draws.
        return torch.Generator().manual_seed(hash((self._settings.seed, self.step, purpose)) & 0xFFFF_FFFF)
