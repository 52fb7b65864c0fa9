"""Small sound files of kinds that people have trouble with: made by soundfile, PyAV, or byte by byte."""

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from codec.types import Audio, ChannelAudio

RATE = 16000


def tone(seconds: float, rate: int = RATE, hz: float = 440.0) -> Audio:
    """A tone that grows and fades twice a second, so that every place in it differs."""
    time_s = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hz * time_s) * (0.6 + 0.4 * np.sin(4 * np.pi * time_s))).astype(np.float32)


def noise(seconds: float) -> Audio:
    """Noise, which codecs give as many bytes at all times."""
    return np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def coded(audio: Audio, file_format: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    """The bytes of a sound file `[samples]` or `[samples, channels]`."""
    file = io.BytesIO()
    soundfile.write(file, audio, rate, subtype, format=file_format)
    return file.getvalue()


def muxed(audio: Audio, path: Path, codec: str, rate: int = RATE, seekable: bool = True) -> Path:
    """Write mono sound by ffmpeg, in the format of the path's suffix; not `seekable`: as into a pipe."""
    target = path.open("wb")
    file = target if seekable else _Pipe(target)
    with target, av.open(file, "w", format=path.suffix[1:]) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, len(audio), 1024):
            frame = av.AudioFrame.from_ndarray(audio[None, start : start + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def wav(pcm: bytes, data_bytes: int | None = None, riff_bytes: int | None = None, channels: int = 1) -> bytes:
    """A 16-bit WAV file whose header states other sizes than it has."""
    data_bytes = len(pcm) if data_bytes is None else data_bytes
    riff_bytes = len(pcm) + 36 if riff_bytes is None else riff_bytes
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, RATE, 2 * channels * RATE, 2 * channels, 16)
    return struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + form + struct.pack("<4sI", b"data", data_bytes) + pcm


def pcm16(audio: Audio) -> bytes:
    return (audio * 32767).astype("<i2").tobytes()


def damaged(data: bytes, start: float, count: int = 300) -> bytes:
    """The file with `count` bytes changed, from that share of it on."""
    holed = bytearray(data)
    for place in range(int(len(data) * start), int(len(data) * start) + count):
        holed[place] ^= 0x5A
    return bytes(holed)


def without_length(flac: bytes) -> bytes:
    """A FLAC file whose header does not count its samples, as ffmpeg writes one into a pipe."""
    return flac[:21] + bytes([flac[21] & 0xF0]) + bytes(4) + flac[26:]


def surround(places: Sequence[Audio | None], samples: int) -> ChannelAudio:
    """Channels side by side `[channel, samples]`, None for silence."""
    return np.stack([np.zeros(samples, np.float32) if audio is None else audio for audio in places])


class _Pipe:
    """A file that cannot be searched."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self.write, self.name = file.write, "pipe"
