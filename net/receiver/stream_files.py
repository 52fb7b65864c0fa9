"""The files of one received stream: its sound with the resume checkpoint, its chunks, its codes."""

import contextlib
import secrets
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from codec.atomic_file import make_folder
from codec.chunks.packed import PackedChunk
from codec.chunks.streaming import Contribution
from codec.errors import AudioFileError
from net.protocol.messages import End, Hello, Refusal
from net.receiver.context import ReceiverContext
from net.receiver.quota import size_in_blocks
from net.receiver.resume_checkpoint import Position, ResumeCheckpoint
from net.receiver.sinks.codes import CodesSink
from net.receiver.sinks.retrying import PartT, RetryingSink, Sink
from net.receiver.sinks.wav import ChunkFilesSink, WavSink
from net.telemetry.stats import Severity

if TYPE_CHECKING:
    from codec import Codec

NOT_YOURS = "this stream was begun by another sender, with another key or without --tls: start a new one"


class StreamFiles:
    """Opens and writes the files of one stream, continuing those of an earlier process where a checkpoint names them.

    The constructor raises `AudioFileError` or `ContainerError` where a file cannot be created, and `Refusal` where the
    stream is not that of `sender`, a fingerprint (None: without TLS). After it, faults of the disk become events.
    """

    def __init__(self, context: ReceiverContext, hello: Hello, sender: str | None, codec: "Codec") -> None:
        settings = context.settings
        self._context, self._hello, self.sender = context, hello, sender
        self._events = context.events.for_stream(hello.stream_id.hex())
        self.loss: AudioFileError | None = None
        """What no disk took, once the files are closed."""
        checkpoint = ResumeCheckpoint(settings.save_path, hello.stream_id)
        start = self._find(checkpoint) or self._new_position(codec.kbps(hello.num_streams))
        self.start = replace(start, sender=sender)
        """Where the files stood when they were opened."""
        self._position, self._samples = self.start, self.start.samples
        self.saved_chunks = self.start.chunks
        """All chunks below this index are on disk in every file and counted by the checkpoint, or given up."""
        self._checkpoint = self._retrying(checkpoint)
        self._sound: list[RetryingSink[Contribution]] = []
        self._codes: RetryingSink[PackedChunk] | None = None
        path = settings.save_path / self.start.wav
        try:
            self._wav = WavSink(path, hello.sample_rate, keep_samples=self.start.samples)
            self._sound.append(self._retrying(self._wav))
            if settings.save_chunks:
                self._sound.append(self._retrying(ChunkFilesSink(_chunk_folder(path), hello.sample_rate)))
            if settings.save_codes:
                self._codes = self._retrying(CodesSink(_unused(path, ".esc"), hello, codec.frame_samples))
        except BaseException:
            self.close(None)
            raise

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where everything goes."""
        return tuple(sink.path for sink in self._sinks)

    @property
    def wavs(self) -> tuple[Path, ...]:
        """The files of sound, those of an earlier process included; the whole stream's is the first."""
        chunks = sorted(_chunk_folder(self._wav.path).glob("chunk_*.wav")) if self.apart else []
        return self._wav.path, *chunks

    @property
    def takes_codes(self) -> bool:
        """Whether codes are stored, too."""
        return self._codes is not None

    @property
    def apart(self) -> bool:
        """Whether each chunk's sound has a file of its own."""
        return len(self._sound) > 1

    @property
    def kept_bytes(self) -> int:
        """Bytes, in whole blocks, of the files of an earlier process that are continued."""
        if not self.start.chunks:
            return 0
        wav = self._wav.path
        kept = (wav, wav.with_suffix(".esc"), *_chunk_folder(wav).glob("*.wav"))
        return sum(size_in_blocks(path) for path in kept)

    @property
    def saved_samples(self) -> int:
        """Samples of sound on disk."""
        return self._wav.samples

    @property
    def settled_chunks(self) -> int:
        """All chunks below this index may be acknowledged: they are saved, or live, where nothing waits for a disk."""
        return self._sound[0].next_index if self._hello.live else self.saved_chunks

    def write(self, part: PackedChunk | Contribution) -> None:
        """Write a stretch of sound, or a chunk's codes where those are stored."""
        if isinstance(part, Contribution):
            for sink in self._sound:
                sink.write(part)
            self._samples += len(part.audio)
            if part.index >= self._position.chunks:
                self._position = replace(self._position, chunks=part.index + 1, samples=self._samples)
        elif self._codes:
            self._codes.write(part)
        self._settle()

    def poll(self) -> None:
        """Try again where the disk failed; to be called often, also while nothing comes."""
        for sink in self._sinks:
            sink.poll()
        self._checkpoint.poll()
        self._settle()

    def close(self, end: End | None) -> None:
        """Finish the files; with the sender's END, where all of the stream was written, it cannot be resumed again."""
        with ExitStack() as closing:
            closing.callback(self._settle)
            closing.callback(self._checkpoint.close, end)
            closing.callback(self._settle)
            for sink in self._sinks:
                closing.callback(sink.close, end)

    @property
    def _sinks(self) -> "list[RetryingSink[Contribution] | RetryingSink[PackedChunk]]":
        return [*self._sound, *([self._codes] if self._codes else [])]

    def _settle(self) -> None:
        """Write the checkpoint that counts what the WAV holds, and find out how far everything is written."""
        sound = next(iter(self._sound), None)
        if sound is None:
            return
        if not sound.is_behind and self._position.chunks > self._checkpoint.next_index:
            self._checkpoint.write(self._position)
        waiting = [sink.waiting_index for sink in (*self._sinks, self._checkpoint) if sink.waiting_index is not None]
        self.saved_chunks = max(self.saved_chunks, min(waiting, default=sound.next_index))

    def _retrying(self, sink: Sink[PartT]) -> RetryingSink[PartT]:
        first = self.start.chunks
        return RetryingSink(sink, first, self._hello.sample_rate, self._context.clock, self._report)

    def _find(self, checkpoint: ResumeCheckpoint) -> Position | None:
        """The position of an earlier process, if the sender may and wants to continue from there."""
        found = checkpoint.read()
        if found is None:
            return None
        if found.sender is UNSET and self.sender is not None:
            self._events.warning(f"it is not known whose {found.wav} is: a new file is begun")
            return None
        if found.sender is not UNSET and found.sender != self.sender:
            raise Refusal("policy", NOT_YOURS)
        return found if self._hello.resume and found.fits(self._hello) else None

    def _new_position(self, kbps: float) -> Position:
        """The beginning of a new file, which is named by nothing from the wire."""
        now, hello = datetime.fromtimestamp(self._context.clock.epoch_s()), self._hello
        folder = self._context.settings.save_path
        path = folder / f"received_{kbps:.1f}kbps_{now:%Y%m%d_%H%M%S}.wav"
        try:
            make_folder(folder)
            while True:
                path = _unused(path, ".wav", f".{self._context.settings.audio_format}")
                with contextlib.suppress(FileExistsError):  # another stream was faster
                    path.open("xb").close()
                    break
        except OSError as error:
            raise AudioFileError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
        return Position(hello.fingerprint, hello.chunk_samples, hello.overlap_samples, hello.stitching, path.name)

    def _report(self, text: str, is_loss: bool) -> None:
        if is_loss:
            self.loss = AudioFileError(text)
        self._events.add(Severity.ERROR if is_loss else Severity.WARNING, text)


def _chunk_folder(wav: Path) -> Path:
    return wav.with_name(f"{wav.stem}_chunks")


def _unused(path: Path, suffix: str, *others: str) -> Path:
    """`path` with `suffix`, and some more letters where a file of that suffix or of another is there already."""
    wanted = path.with_name(f"{path.stem}{suffix}")
    while any(wanted.with_suffix(each).exists() for each in (suffix, *others)):
        wanted = wanted.with_name(f"{path.stem}_{secrets.token_hex(2)}{suffix}")
    return wanted
