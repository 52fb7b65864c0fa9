"""Raw PCM: sound without a header, whose form has to be said."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from codec.errors import UsageError
from codec.types import ChannelAudio

_DTYPES: Final = {
    "u8": "u1",
    "s8": "i1",
    "s16le": "<i2",
    "s16be": ">i2",
    "s24le": "<i4",
    "s24be": ">i4",
    "s32le": "<i4",
    "s32be": ">i4",
    "f32le": "<f4",
    "f32be": ">f4",
    "f64le": "<f8",
    "f64be": ">f8",
    "mulaw": "u1",
    "alaw": "u1",
}
"""Encodings by ffmpeg's names, and what numpy reads them as; of 24 bits, once a fourth byte was added."""
_FORM = re.compile(r"(?P<encoding>[a-z0-9]+)@(?P<rate>\d{1,6})(?:x(?P<channels>\d{1,2}))?", re.ASCII)
MIN_RATE, MAX_RATE, MAX_CHANNELS = 1000, 768000, 64


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """How the samples of raw PCM are written; `encoding` is one of ffmpeg's names, such as `s16le`, `mulaw`."""

    encoding: str
    rate: int
    channels: int

    @classmethod
    def parse(cls, text: str) -> "PcmFormat":
        """Return the format that a text such as `s16le@8000x1` means, mono without `x`. Raises `UsageError`."""
        found = _FORM.fullmatch(text.strip().lower())
        if found is None:
            raise UsageError(
                f"{text!r} says no raw format: write encoding@rate, or encoding@ratexchannels: s16le@8000x1"
            )
        form = cls(found["encoding"], int(found["rate"]), int(found["channels"] or 1))
        if form.encoding not in _DTYPES:
            raise UsageError(f"{form.encoding!r} is no raw encoding: choose one of {', '.join(sorted(_DTYPES))}")
        if not (MIN_RATE <= form.rate <= MAX_RATE and 1 <= form.channels <= MAX_CHANNELS):
            raise UsageError(
                f"raw sound has {MIN_RATE} to {MAX_RATE} Hz and 1 to {MAX_CHANNELS} channels, not {form.rate} Hz and "
                f"{form.channels}"
            )
        return form

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self._sample_bytes * self.channels

    def decode(self, data: bytes) -> ChannelAudio:
        """Return the sound `[channel, samples]` of whole frames, integers at ±1 full scale."""
        samples = self._samples(data).reshape(-1, self.channels).T
        return np.ascontiguousarray(samples, np.float32)

    @property
    def _sample_bytes(self) -> int:
        return 3 if "24" in self.encoding else np.dtype(_DTYPES[self.encoding]).itemsize

    def _samples(self, data: bytes) -> npt.NDArray[np.floating]:
        dtype = np.dtype(_DTYPES[self.encoding])
        match self.encoding:
            case "mulaw" | "alaw":
                return np.take(_LAWS[self.encoding], np.frombuffer(data, dtype))
            case "u8":
                return (np.frombuffer(data, dtype).astype(np.float32) - 128) / 128
            case "s24le" | "s24be":
                widened = np.zeros((len(data) // 3, 4), np.uint8)
                used = slice(1, 4) if self.encoding == "s24le" else slice(0, 3)
                widened[:, used] = np.frombuffer(data, np.uint8).reshape(-1, 3)
                return widened.view(dtype)[:, 0] / np.float64(2**31)
        values: npt.NDArray[np.floating] = np.frombuffer(data, dtype)
        return values if dtype.kind == "f" else values / np.float64(2 ** (8 * dtype.itemsize - 1))


def _mulaw_table() -> npt.NDArray[np.float32]:
    """ITU-T G.711: what each of the 256 codes of μ-law stands for."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = ((mantissa.astype(np.int32) * 2 + 33) << exponent) - 33
    return (np.where(code & 0x80, -magnitude, magnitude) * 4 / 32768).astype(np.float32)


def _alaw_table() -> npt.NDArray[np.float32]:
    """ITU-T G.711: what each of the 256 codes of A-law stands for."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = np.where(exponent, (mantissa * 2 + 33) << np.maximum(exponent - 1, 0), mantissa * 2 + 1)
    return (np.where(code & 0x80, magnitude, -magnitude) * 8 / 32768).astype(np.float32)


_LAWS: Final = {"mulaw": _mulaw_table(), "alaw": _alaw_table()}
