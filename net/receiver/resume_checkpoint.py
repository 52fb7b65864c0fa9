"""Where a received stream stands on disk, so that another process can continue it, and whose stream it is.

A checkpoint is a small JSON file beside the sound, `.<stream id>.json`, replaced whole at each step. The sound is
written before the checkpoint that counts it, and the checkpoint before the acknowledgement: after a receiver was killed
the file holds at least the sound that its checkpoint counts, and the sender still has every chunk behind it.
"""

import contextlib
from operator import attrgetter
from pathlib import Path

import msgspec

from codec.atomic_file import write_atomically
from codec.errors import AudioFileError
from codec.sound.wav import held_samples
from net.protocol.messages import End, Hello
from net.receiver.sinks.retrying import Sink

_plan_of = attrgetter("fingerprint", "chunk_samples", "overlap_samples", "stitching")


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many chunks and samples of a stream are in `wav`, which lies beside the checkpoint."""

    fingerprint: str
    chunk_samples: int
    overlap_samples: int
    stitching: str
    wav: str
    chunks: int = 0
    samples: int = 0
    sender: str | msgspec.UnsetType | None = msgspec.UNSET
    """The fingerprint of the key that began the stream; None: without TLS. Older versions did not write it."""

    @property
    def index(self) -> int:
        """The last chunk that is counted."""
        return self.chunks - 1

    def fits(self, hello: Hello) -> bool:
        """Whether `hello` announces the same chunks of the same model."""
        return bool(_plan_of(self) == _plan_of(hello))


class ResumeCheckpoint(Sink[Position]):
    """The checkpoint of one stream, of which the newest position counts."""

    def __init__(self, folder: Path, stream_id: bytes) -> None:
        super().__init__(folder / f".{stream_id.hex()}.json")

    def read(self) -> Position | None:
        """The last position; None where there is none, or where the sound that it counts is not there."""
        try:
            position = msgspec.json.decode(self.path.read_bytes(), type=Position)
            wav = self.path.parent / position.wav
            whole = held_samples(wav) >= position.samples and wav.parent == self.path.parent
        except (OSError, msgspec.MsgspecError):
            return None
        return position if whole and position.chunks else None

    def write(self, position: Position) -> None:
        """Replace the position. Raises `AudioFileError` where it cannot be written; then the old one stays."""
        try:
            write_atomically(self.path, msgspec.json.encode(position))
        except OSError as error:
            raise AudioFileError(f"cannot write {str(self.path)!r}: {error.strerror or error}") from error

    def close(self, end: End | None) -> None:
        """Remove the checkpoint of a stream that has come to its END."""
        if end is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
