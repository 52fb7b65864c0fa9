"""`Codec`: a loaded model that encodes sound to codes and decodes codes to sound."""

import os
import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.checkpoint import Checkpoint, load_checkpoint
from codec.config import ModelConfig
from codec.engine.fair_semaphore import FairSemaphore
from codec.engine.fast import FastESC
from codec.engine.tiles import own_thread_only
from codec.errors import UsageError
from codec.types import Audio, Codes

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MAX_REASON_CHARS = 60
"""Longer explanations of torch for a missing device are left out of the error."""


class Codec:
    """The ESC codec on one device.

    Sound is float32 `[samples]` or `[batch, samples]`, codes are `[stream, group, frame]` or
    `[batch, stream, group, frame]`; numpy arrays give numpy arrays (codes uint16), tensors give tensors (codes int64).
    `encode` and `decode` may be called from any thread; beyond `max_callers` at once, calls wait: first in, first out.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "cpu",
        precision: Precision = "float32",
        threads: int | None = None,
        max_callers: int | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._device = torch.device(device)
        network = checkpoint.network.to(self._device).requires_grad_(False)
        threads = threads or torch.get_num_threads()
        self._network = FastESC(network, threads, PRECISIONS[precision])
        on_cpu = self._device.type == "cpu"
        self.max_callers = max_callers or (max(1, (os.cpu_count() or 1) // threads) if on_cpu else 1)
        """How many calls compute at the same time."""
        self._semaphore = FairSemaphore(self.max_callers)

    @classmethod
    def load(
        cls,
        folder: Path | str | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
        threads: int | None = None,
        max_callers: int | None = None,
    ) -> "Codec":
        """Load a model folder, or the bundled model, onto `device` (cpu, cuda, cuda:1, mps).

        On a CPU `threads` threads work on each call (default: as many as PyTorch would use), and `max_callers` calls
        compute at once (default: as many as there are cores for; 1 on other devices); results depend on neither.
        Precisions below float32 give other codes: both ends of a link must choose the same. Raises `ModelError` where
        the folder does not hold an ESC model, `UsageError` for a missing device or a value out of range.
        """
        check_device(device)
        if precision not in PRECISIONS:
            raise UsageError(f"precision must be one of {', '.join(PRECISIONS)}, not '{precision}'")
        for what, number in (("threads", threads), ("concurrent callers", max_callers)):
            if number is not None and number < 1:
                raise UsageError(f"the number of {what} must be 1 or more, not {number}")
        return cls(load_checkpoint(folder), device, precision, threads, max_callers)

    def warm_up(self, samples: int = 16000) -> None:
        """Code silence once, so that the first sound of about this length is coded at full speed."""
        self.decode(self.encode(np.zeros(samples, np.float32)))

    @property
    def config(self) -> ModelConfig:
        """The model's configuration."""
        return self._checkpoint.config

    @property
    def name(self) -> str:
        """The name of the model's folder."""
        return self._checkpoint.name

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, equal for equal models only: another model's codes cannot be decoded."""
        return self._checkpoint.fingerprint

    @property
    def device(self) -> str:
        """The device that the model runs on."""
        return str(self._device)

    @property
    def sample_rate(self) -> int:
        """Samples a second of the sound that goes in and comes out."""
        return self.config.sr

    @property
    def max_streams(self) -> int:
        """The most streams that can be coded."""
        return self.config.max_streams

    @property
    def groups(self) -> int:
        """Codes in one frame of one stream."""
        return self.config.group_size

    @property
    def bits_per_code(self) -> int:
        """Bits that one code takes on the wire."""
        return self.config.bits_per_code

    @property
    def frame_samples(self) -> int:
        """Samples in one code frame."""
        return self.config.frame_samples

    def frames(self, samples: int) -> int:
        """Code frames that `encode` makes of `samples`."""
        return self.config.frames(samples)

    def kbps(self, num_streams: int) -> float:
        """Bitrate of the codes of `num_streams` streams, in units of 1000 bit/s."""
        return self.config.kbps(num_streams)

    @overload
    def encode(self, audio: Audio, num_streams: int | None = None) -> Codes: ...
    @overload
    def encode(self, audio: Tensor, num_streams: int | None = None) -> Tensor: ...
    def encode(self, audio: Audio | Tensor, num_streams: int | None = None) -> Codes | Tensor:
        """Codes of the first `num_streams` streams (default: all) of the sound.

        L samples make 1 + L // hop STFT hops, padded to whole code frames. Raises `UsageError` for a sound that is
        too short or of another shape, and for a number of streams out of range.
        """
        sound = torch.as_tensor(audio, dtype=torch.float32, device=self._device)
        self._check_sound(sound)
        streams = self.max_streams if num_streams is None else num_streams
        if not 1 <= streams <= self.max_streams:
            raise UsageError(f"the number of streams must be 1 to {self.max_streams}, not {streams}")
        with self._semaphore, torch.inference_mode(), self._threads():
            codes = self._network.encode(sound if sound.dim() == 2 else sound[None], streams)
        codes = codes if sound.dim() == 2 else codes[0]
        return codes if isinstance(audio, Tensor) else codes.cpu().numpy().astype(np.uint16)

    @overload
    def decode(
        self,
        codes: npt.NDArray[np.integer],
        samples: int | None = None,
        streams: npt.NDArray[np.integer] | None = None,
    ) -> Audio: ...
    @overload
    def decode(
        self, codes: Tensor, samples: int | None = None, streams: npt.NDArray[np.integer] | None = None
    ) -> Tensor: ...
    def decode(
        self,
        codes: npt.NDArray[np.integer] | Tensor,
        samples: int | None = None,
        streams: npt.NDArray[np.integer] | None = None,
    ) -> Audio | Tensor:
        """Sound of codes of any number of streams, cropped to `samples` where given.

        `streams` `[frame]` is the number of streams of each frame, where it varies; codes beyond it are not read.
        T hops give (T − 1) · hop samples. Raises `UsageError` for codes of another shape or out of range, and for more
        `samples` than the codes hold.
        """
        whole = torch.as_tensor(codes if isinstance(codes, Tensor) else codes.astype(np.int64))
        whole = whole.to(self._device, torch.int64)
        self._check_codes(whole)
        available = self.config.samples(whole.shape[-1])
        if samples is not None and not 0 <= samples <= available:
            raise UsageError(f"{whole.shape[-1]} code frames hold 0 to {available} samples, not {samples}")
        with self._semaphore, torch.inference_mode(), self._threads():
            present = None if streams is None else torch.as_tensor(streams, device=self._device)
            sound = self._network.decode(whole if whole.dim() == 4 else whole[None], present)[:, :samples]
        sound = sound if whole.dim() == 4 else sound[0]
        return sound if isinstance(codes, Tensor) else sound.cpu().numpy()

    def _threads(self) -> AbstractContextManager[None]:
        return own_thread_only() if self._device.type == "cpu" else nullcontext()

    def _check_sound(self, sound: Tensor) -> None:
        if sound.dim() not in (1, 2):
            raise UsageError(f"sound must be [samples] or [batch, samples], not {list(sound.shape)}")
        if sound.shape[-1] < self.config.shortest_samples:
            raise UsageError(
                f"sound must have {self.config.shortest_samples} samples at least, not {sound.shape[-1]}: "
                "pad it with zeros"
            )

    def _check_codes(self, codes: Tensor) -> None:
        shape = list(codes.shape)
        if len(shape) not in (3, 4) or not 1 <= shape[-3] <= self.max_streams or shape[-2] != self.groups:
            raise UsageError(
                f"codes must be [(batch,) 1 to {self.max_streams} streams, {self.groups} groups, frames], not {shape}"
            )
        hops = shape[-1] * self.config.frame_hops
        if hops < 2:
            raise UsageError("codes must hold at least one frame that gives sound")
        if codes.is_meta or not codes.numel():
            return
        if codes.min() < 0 or codes.max() >= self.config.codebook_size:
            raise UsageError(f"codes must lie in 0 to {self.config.codebook_size - 1}")


def check_device(device: str) -> None:
    """Raise `UsageError` for a device that torch does not know or this machine does not have."""
    try:
        found = torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = re.split(r"\. |\n", str(error).strip())[0]
        told = f" ({reason})" if len(reason) <= MAX_REASON_CHARS else ""
        raise UsageError(f"there is no device '{device}' here{told}: use cpu") from error
    if found.is_meta:
        raise UsageError(f"the device '{device}' only counts shapes: use cpu")
