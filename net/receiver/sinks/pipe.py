"""The sound of one stream after another for another program: on standard output, or in a named pipe."""

import errno
import os
import select
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from codec.errors import AudioFileError, UsageError
from codec.sound.wav import OLD_HEADER_BYTES, to_pcm16, wav_header
from codec.types import Audio
from net.protocol.messages import Hello
from net.settings import STANDARD_STREAM
from net.telemetry.stream_context import StreamContext

POLL_S = 0.1
"""Between two looks at whether the stream is stopped, while the reader takes nothing."""
UNKNOWN_SIZE = b"\xff\xff\xff\xff"
OUTPUT_RATE = 16000


def endless_wav_header() -> bytes:
    """The header of a mono WAV at 16 kHz whose length is not known, as ffmpeg writes it to a pipe."""
    header = wav_header(OUTPUT_RATE, 1, 0, OLD_HEADER_BYTES)
    return header[:4] + UNKNOWN_SIZE + header[8:-4] + UNKNOWN_SIZE


class PipeOutput:
    """A pipe that one stream at a time writes to, as 16-bit PCM; what streams say at the same time is only saved.

    A stream waits for a slow reader, but for a live one, whose sound is left out where the pipe is full. A reader that
    goes away calls `on_gone`, once. Whoever opens it closes it.
    """

    def __init__(self, path: Path, on_gone: Callable[[], None], *, wav: bool) -> None:
        self._path, self._on_gone = path, on_gone
        self._unwritten_header = endless_wav_header() if wav else b""
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        self._is_claimed = self._is_gone = False

    @property
    def name(self) -> str:
        """The pipe, as it is shown."""
        return "standard output" if self._path == STANDARD_STREAM else str(self._path)

    def check(self) -> None:
        """Raise `UsageError` for what is no pipe, `AudioFileError` for a path that is nothing."""
        if self._path == STANDARD_STREAM:
            if os.isatty(1):
                raise UsageError("standard output is a terminal, which shows no sound: pipe it into a program")
            return
        try:
            mode = self._path.stat().st_mode
        except OSError as error:
            raise AudioFileError(
                f"cannot write {self.name!r} ({error.strerror}): make a named pipe first, with mkfifo"
            ) from error
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            raise UsageError(f"--output {self.name} is no pipe: sound is saved as files in --save-path anyway")

    def open(self) -> None:
        """Duplicate the descriptor of standard output; a named pipe is opened when it has a reader."""
        if self._path == STANDARD_STREAM:
            self._descriptor = os.dup(1)

    def claim(self, context: StreamContext, hello: Hello) -> "ClaimedOutput | None":
        """Have a stream write from now on; None, with an event, while another one does."""
        with self._lock:
            if not self._is_claimed:
                self._is_claimed = True
                return ClaimedOutput(self, context, hello)
        context.events.warning(f"{hello.name} is only saved: another stream has {self.name}")
        return None

    def release(self) -> None:
        """Leave the pipe to the next stream."""
        with self._lock:
            self._is_claimed = False

    def poll(self) -> None:
        """Notice a reader that has gone away while nothing is written."""
        if self._descriptor is not None and _states(self._descriptor, 0) & select.POLLERR:
            self._end()

    def write(self, data: bytes, stopping: threading.Event, *, wait: bool) -> int:
        """Write whole samples until `stopping` is set, or unless `wait` until the pipe is full; return the bytes."""
        self._open_named_pipe(stopping, wait=wait)
        header, self._unwritten_header = (self._unwritten_header, b"") if self._descriptor else (b"", b"")
        data, written = header + data, 0
        while written < len(data) and self._descriptor is not None and not (self._is_gone or stopping.is_set()):
            if not _states(self._descriptor, POLL_S * 1000 if wait else 0):
                if wait:
                    continue
                break
            try:
                written += os.write(self._descriptor, data[written : written + select.PIPE_BUF])
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise AudioFileError(f"cannot write {self.name!r}: {error.strerror}") from error
                self._end()
        return written - len(header)

    def close(self) -> None:
        """Close the pipe: its reader reads to the end. Calling it twice does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open_named_pipe(self, stopping: threading.Event, *, wait: bool) -> None:
        """Open a named pipe once it has a reader; without `wait` only if it has one now."""
        while self._descriptor is None and not self._is_gone and not stopping.is_set():
            try:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise AudioFileError(f"cannot write {self.name!r}: {error.strerror}") from error
                if not wait:
                    return
                stopping.wait(POLL_S)

    def _end(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            self._on_gone()


class ClaimedOutput:
    """The output while one stream has it."""

    def __init__(self, output: PipeOutput, context: StreamContext, hello: Hello) -> None:
        self._output, self._context, self._hello = output, context, hello
        self._missing_samples = 0

    def write(self, audio: Audio) -> None:
        """Write the next sound. Raises `AudioFileError` where the pipe cannot be written."""
        data = to_pcm16(audio).astype("<i2").tobytes()
        written = self._output.write(data, self._context.stopping, wait=not self._hello.live)
        if self._hello.live:
            self._missing_samples += (len(data) - written) // 2

    def release(self) -> None:
        """Leave the output to the next stream, and report what the reader was too slow for."""
        self._output.release()
        if self._missing_samples:
            missing_s = self._missing_samples / self._hello.sample_rate
            self._context.events.warning(
                f"{self._hello.name}: {missing_s:.1f} s are missing in {self._output.name}, whose reader was too slow"
            )


def _states(descriptor: int, timeout_ms: float) -> int:
    """What `poll` says of a descriptor that is written to; 0 where it can take nothing in that time."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    return next((states for _, states in waiting.poll(timeout_ms)), 0)
