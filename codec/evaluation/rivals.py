"""Other speech coders to compare with: Opus and Codec 2, run as their command-line tools.

Each takes and gives float32 `[samples]` at 16000 Hz, aligned to the sample; container bytes do not count.
"""

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.errors import EscError, UsageError
from codec.sound.reading import read_sound
from codec.sound.resampling import resample
from codec.sound.wav import WavWriter, to_pcm16
from codec.types import Audio

RATE = 16000
TELEPHONE_RATE = 8000
LONGEST_SHIFT_S = 0.08
OGG_HEADER = struct.Struct("<4sBBqIIIB")
OGG_PACKETS_BEFORE_SOUND = 2
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Rival:
    """A coder to compare with."""

    name: str
    tools: tuple[str, str]
    code: Callable[[Audio, Path], tuple[Audio, int]]
    """Sound and an empty folder → decoded sound, and how many bytes it took."""

    @property
    def missing_tools(self) -> list[str]:
        """Its tools that are not installed."""
        return [tool for tool in self.tools if shutil.which(tool) is None]

    def run(self, sound: Audio) -> tuple[Audio, int]:
        """Decoded sound, as long as the original and aligned with it, and how many bytes it took."""
        with tempfile.TemporaryDirectory() as folder:
            decoded, size_bytes = self.code(sound, Path(folder))
        return aligned(sound, decoded), size_bytes


def opus(kbps: int) -> Rival:
    """Opus at a bitrate, with the encoder's defaults for speech: variable bitrate, frames of 20 ms."""

    def code(sound: Audio, folder: Path) -> tuple[Audio, int]:
        source, coded, decoded = folder / "in.wav", folder / "coded.opus", folder / "out.wav"
        with WavWriter(source, RATE) as writer:
            writer.write(sound)
        call("opusenc", "--quiet", "--speech", "--bitrate", str(kbps), str(source), str(coded))
        call("opusdec", "--quiet", "--rate", str(RATE), str(coded), str(decoded))
        return read_sound(decoded, RATE), ogg_payload_bytes(coded.read_bytes())

    return Rival(f"Opus {kbps} kbps", ("opusenc", "opusdec"), code)


def codec2() -> Rival:
    """Codec 2 at 3.2 kbps, its best; it knows only telephone bandwidth."""

    def code(sound: Audio, folder: Path) -> tuple[Audio, int]:
        source, coded, decoded = folder / "in.raw", folder / "coded.bit", folder / "out.raw"
        source.write_bytes(to_pcm16(resample(sound, RATE, TELEPHONE_RATE)).tobytes())
        call("c2enc", "3200", str(source), str(coded))
        call("c2dec", "3200", str(coded), str(decoded))
        pcm = np.frombuffer(decoded.read_bytes(), np.int16)
        narrow = pcm.astype(np.float32) / np.float32(32768)
        return resample(narrow, TELEPHONE_RATE, RATE), coded.stat().st_size

    return Rival("Codec 2 3.2 kbps", ("c2enc", "c2dec"), code)


def all_rivals() -> list[Rival]:
    """All rivals of the report."""
    return [opus(6), opus(9), codec2()]


def call(tool: str, *arguments: str) -> None:
    """Run a tool; raises `UsageError` with what it said where it fails."""
    path = shutil.which(tool)
    if path is None:
        raise UsageError(f"{tool} is not installed: install opus-tools and codec2, or leave the comparison out")
    try:
        # The tools are installed ones, and their arguments made here.
        subprocess.run([path, *arguments], check=True, capture_output=True, timeout=TIMEOUT_S)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise UsageError(f"{tool} failed ({said or error}): leave the comparison out") from error


def aligned(reference: Audio, decoded: Audio) -> Audio:
    """`decoded` shifted to where it fits `reference` best, and made as long: coders delay by different amounts."""
    length = len(reference)
    size = 2 ** int(np.ceil(np.log2(length + len(decoded))))
    products = np.fft.irfft(np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(reference, size)), size)
    reach = int(LONGEST_SHIFT_S * RATE)
    shifts = np.arange(-reach, reach + 1)
    shift = int(shifts[np.argmax(products[shifts])])
    moved = decoded[shift:] if shift >= 0 else np.concatenate([np.zeros(-shift, np.float32), decoded])
    return np.pad(moved[:length], (0, max(0, length - len(moved)))).astype(np.float32)


def ogg_payload_bytes(ogg: bytes) -> int:
    """Bytes of the sound packets in an Ogg file, without page headers and without the two packets before the sound.

    Raises `EscError` for bytes that are not Ogg.
    """
    position, packets, payload = 0, 0, 0
    while position < len(ogg):
        if len(ogg) - position < OGG_HEADER.size or not ogg.startswith(b"OggS", position):
            raise EscError("the encoder's output is not an Ogg file: update opus-tools")
        segments = OGG_HEADER.unpack_from(ogg, position)[-1]
        table = ogg[position + OGG_HEADER.size : position + OGG_HEADER.size + segments]
        for size in table:
            payload += size if packets >= OGG_PACKETS_BEFORE_SOUND else 0
            packets += size < 255
        position += OGG_HEADER.size + segments + sum(table)
    return payload
