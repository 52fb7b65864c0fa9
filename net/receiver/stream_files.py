"""The files of one received stream: its sound, its chunks, its codes, and the journal that tells how far they are."""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from codec.chunks.streaming import Contribution
from codec.errors import AudioFileError
from net.protocol.messages import Hello
from net.protocol.refusal import Refusal
from net.receiver.quota import BLOCK_BYTES
from net.receiver.resume_checkpoint import Position, ResumeCheckpoint
from net.receiver.sinks.codes import CodesSink
from net.receiver.sinks.retrying import RetryingSink
from net.receiver.sinks.wav import ChunkFilesSink, Sink, WavSink
from net.runtime.clock import Clock
from net.telemetry.events import EventLog

NOT_YOURS = "this stream was begun by another sender, with another key or without --tls: start a new one"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChoices:
    """Which files a receiver keeps, and where."""

    folder: Path
    save_chunks: bool = False
    save_codes: bool = False


class StreamFiles:
    """Opens and writes the files of one stream, going on with those of an earlier process where a journal tells of it.

    Nothing but the constructor raises: what happens to the disk is an event. The constructor raises `AudioFileError`
    or `ContainerError` where a file cannot be created, and `Refusal` where the stream is not that of `sender`, a
    fingerprint (None: without TLS).
    """

    def __init__(
        self,
        choices: FileChoices,
        hello: Hello,
        sender: str | None,
        *,
        kbps: float,
        frame_samples: int,
        clock: Clock,
        events: EventLog,
    ) -> None:
        self._events, self._stream_id = events, hello.stream_id.hex()
        self.loss: AudioFileError | None = None
        """What no disk took, once the files are closed."""
        self._journal = ResumeCheckpoint(choices.folder, hello.stream_id)
        found = self._find(hello, sender)
        start = found or _beginning(choices.folder, hello, kbps, clock)
        self.start = msgspec.structs.replace(start, sender=sender)
        """Where the files stood when they were opened."""
        self._position, self._samples = self.start, self.start.samples
        wav = choices.folder / self.start.wav
        sinks: list[Sink] = [WavSink(wav, hello.sample_rate, keep_samples=self.start.samples)]
        if choices.save_chunks:
            sinks.append(ChunkFilesSink(_chunk_folder(wav), hello.sample_rate))
        self._keepers = [RetryingSink(sink, hello.sample_rate, clock, self._report) for sink in sinks]
        self.codes = CodesSink(_unused(wav, ".esc"), hello, frame_samples) if choices.save_codes else None
        """Takes the codes as they arrive, where they are kept, too."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where everything goes."""
        codes = (self.codes.path,) if self.codes else ()
        return (*(keeper.path for keeper in self._keepers), *codes)

    @property
    def apart(self) -> bool:
        """Whether each chunk has a file of its own."""
        return len(self._keepers) > 1

    @property
    def kept_bytes(self) -> int:
        """What the files of an earlier process hold that are gone on with, in whole blocks."""
        if not self.start.chunks:
            return 0
        wav = self._keepers[0].path
        kept = (wav, wav.with_suffix(".esc"), *_chunk_folder(wav).glob("*.wav"))
        return sum(_size_in_blocks(path) for path in kept)

    def write(self, contribution: Contribution) -> None:
        """Write a stretch of sound, and then the journal."""
        for keeper in self._keepers:
            keeper.write(contribution)
        self._samples += len(contribution.audio)
        if contribution.index >= self._position.chunks and not self._keepers[0].is_behind:
            self._position = msgspec.structs.replace(
                self._position, chunks=contribution.index + 1, samples=self._samples
            )
            self._journal.write(self._position)

    def close(self, *, complete: bool) -> None:
        """Finish the files; the journal of a stream that may still be gone on with stays."""
        for keeper in self._keepers:
            keeper.close()
        if complete:
            self._journal.remove()

    def give_up(self) -> None:
        """Close everything: the stream is not taken after all."""
        self.close(complete=False)
        if self.codes:
            self.codes.close(None)

    def _find(self, hello: Hello, sender: str | None) -> Position | None:
        """What an earlier process has of the stream, if the sender may and wants to go on with it."""
        found = self._journal.read()
        if found is None:
            return None
        if found.is_anothers(sender):
            raise Refusal("policy", NOT_YOURS)
        if found.is_nobodys(sender):
            self._events.warning(f"it is not known whose {found.wav} is: a new file is begun", self._stream_id)
            return None
        return found if hello.resume and found.fits(hello) else None

    def _report(self, text: str, is_loss: bool) -> None:
        if is_loss:
            self.loss = AudioFileError(text)
            self._events.error(text, self._stream_id)
        else:
            self._events.warning(text, self._stream_id)


def check_folder(folder: Path) -> None:
    """Raise `AudioFileError` where no file can be made in the folder, or no such folder."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise AudioFileError(
            f"cannot save in {str(folder)!r}: {str(nearest)!r} is no folder: choose another --save-path"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise AudioFileError(
            f"cannot save in {str(folder)!r}: {str(nearest)!r} may not be written to: choose another --save-path"
        )


def _beginning(folder: Path, hello: Hello, kbps: float, clock: Clock) -> Position:
    """A new file, named by nothing from the wire."""
    now = datetime.fromtimestamp(clock.epoch_s())
    wav = _unused(folder / f"received_{kbps:.1f}kbps_{now:%Y%m%d_%H%M%S}.wav", ".wav")
    return Position(hello.fingerprint, hello.chunk_samples, hello.overlap_samples, hello.stitching, wav.name)


def _chunk_folder(wav: Path) -> Path:
    return wav.with_name(f"{wav.stem}_chunks")


def _size_in_blocks(path: Path) -> int:
    try:
        return -(-path.stat().st_size // BLOCK_BYTES) * BLOCK_BYTES
    except OSError:
        return 0  # it is not there


def _unused(path: Path, suffix: str) -> Path:
    """`path` with this suffix, or with some more letters where such a file is there already."""
    wanted = path.with_name(f"{path.stem}{suffix}")
    while wanted.exists():
        wanted = wanted.with_name(f"{path.stem}_{secrets.token_hex(2)}{suffix}")
    return wanted
