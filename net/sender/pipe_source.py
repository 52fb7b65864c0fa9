"""A pipe as a sender's source: standard input, a named pipe, or any file that is read forward only."""

import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from codec.errors import AudioFileError, IncompleteSound, UsageError
from codec.sound.forward import ForwardSound, open_forward
from codec.sound.pcm import PcmFormat
from codec.sound.resampling import LiveResampler, Resampler
from codec.types import Audio
from net.protocol.limits import DEFAULT_LIMITS
from net.sender.sources import BLOCKS_PER_SECOND, SAMPLE_RATE, SourceBlock
from net.settings import STANDARD_STREAM
from net.text import printable

POLL_S = 0.1
"""Between two looks at whether the sender is stopped, while nothing comes."""


def check_pipe(path: Path) -> None:
    """Raise `UsageError` for a standard input that is a terminal, `AudioFileError` for a path that is nothing."""
    if path == STANDARD_STREAM:
        if os.isatty(0):
            raise UsageError("standard input is a terminal: pipe sound into it, or name a file after --input")
    elif not path.exists():
        raise AudioFileError(f"there is no file {str(path)!r}: check the path")
    elif path.is_dir():
        raise AudioFileError(f"{str(path)!r} is a folder: name a sound file")


class PipeSource:
    """Sound from a pipe, as it comes; its header is read with the first block, and its length is not known.

    While it is not read, who writes to it has to wait. A `live` one is read at once, and what is late is dropped
    behind it.
    """

    total_samples: int | None = None

    def __init__(self, path: Path, raw: PcmFormat | None = None, *, live: bool = False) -> None:
        """Open it, which waits for no writer. Raises `AudioFileError` where that fails."""
        self._path = "standard input" if path == STANDARD_STREAM else str(path)
        self.name = printable(self._path if path == STANDARD_STREAM else path.name, DEFAULT_LIMITS.name_chars)
        self.live, self._raw = live, raw
        self._descriptor: int | None = None
        try:
            if path == STANDARD_STREAM:
                self._descriptor = os.dup(0)
            else:
                self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise AudioFileError(f"cannot read {self._path!r}: {error.strerror or error}") from error

    def blocks(self, stopping: threading.Event, first_sample: int = 0) -> Iterator[SourceBlock]:
        """Blocks of a tenth of a second or less until the writer is done, or `stopping` is set.

        Raises `AudioFileError` where it is no sound, and where a part of it is missing.
        """
        to_skip = first_sample
        try:
            sound = open_forward(lambda most: self._read(most, stopping), self._raw)
            for whole in self._resampled(sound):
                block, to_skip = whole[to_skip:], max(0, to_skip - len(whole))
                for start in range(0, len(block), SAMPLE_RATE // BLOCKS_PER_SECOND):
                    yield SourceBlock(block[start : start + SAMPLE_RATE // BLOCKS_PER_SECOND])
        except IncompleteSound as error:
            if not stopping.is_set():  # then the end came from here
                raise IncompleteSound(f"{self._path!r} is incomplete: {error}") from error
        except (AudioFileError, OSError) as error:
            if not stopping.is_set():
                raise AudioFileError(f"cannot read {self._path!r} as sound: {error}") from error

    def close(self) -> None:
        """Close the pipe; calling it twice does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _resampled(self, sound: ForwardSound) -> Iterator[Audio]:
        """The channels' mean at the model's rate."""
        whole = Resampler(sound.rate, SAMPLE_RATE)
        push = LiveResampler(sound.rate, SAMPLE_RATE).push if self.live else whole.push
        failure = None
        try:
            for piece in sound.pieces:
                yield push(np.nan_to_num(piece.mean(axis=0, dtype=np.float32), posinf=0, neginf=0))
        except IncompleteSound as error:
            failure = error
        if not self.live:
            yield whole.finish()
        if failure is not None:
            raise failure

    def _read(self, most: int, stopping: threading.Event) -> bytes:
        """Up to `most` bytes as soon as there are any; none at the end, or where `stopping` is set."""
        descriptor = self._descriptor
        if descriptor is None:
            return b""
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        while not stopping.is_set():
            if waiting.poll(POLL_S * 1000):
                return os.read(descriptor, most)
        return b""
