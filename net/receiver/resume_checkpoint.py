"""Where a received stream stands on disk, so that another process can go on with it.

A journal is a small JSON file beside the sound, `.<stream id>.json`, replaced whole at each step. The sound is written
before the journal that counts it, and the journal before the acknowledgement, so a receiver that was killed finds at
least the sound that its journal tells, and the sender still has every chunk behind it.

It also tells whose the stream is, so that nobody else goes on with it.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from codec.sound.wav import held_samples
from net.protocol.messages import Hello


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many chunks and samples of a stream are in `wav`, which lies beside the journal."""

    fingerprint: str
    chunk_samples: int
    overlap_samples: int
    stitching: str
    wav: str
    chunks: int = 0
    samples: int = 0
    sender: str | msgspec.UnsetType | None = msgspec.UNSET
    """The fingerprint of the key that began the stream; None: without TLS. Older versions did not write it."""

    def fits(self, hello: Hello) -> bool:
        """Whether `hello` announces the same chunks of the same model."""
        return (
            self.fingerprint == hello.fingerprint
            and self.chunk_samples == hello.chunk_samples
            and self.overlap_samples == hello.overlap_samples
            and self.stitching == hello.stitching
        )

    def is_anothers(self, sender: str | None) -> bool:
        """Whether another than `sender` (a fingerprint; None: without TLS) is known to have begun the stream."""
        return self.sender is not msgspec.UNSET and self.sender != sender

    def is_nobodys(self, sender: str | None) -> bool:
        """Whether it is not known whose the stream is, while `sender` has proved who it is."""
        return self.sender is msgspec.UNSET and sender is not None


class ResumeCheckpoint:
    """The journal of one stream. Disks that fail are no error here: the journal is then behind, which costs nothing."""

    def __init__(self, folder: Path, stream_id: bytes) -> None:
        self.path = folder / f".{stream_id.hex()}.json"

    def read(self) -> Position | None:
        """The last position, or None where there is none, or no sound that it tells of."""
        try:
            position = msgspec.json.decode(self.path.read_bytes(), type=Position)
            wav = self.path.parent / position.wav
            whole = held_samples(wav) >= position.samples and wav.parent == self.path.parent
        except (OSError, msgspec.MsgspecError):
            return None
        return position if whole and position.chunks else None

    def write(self, position: Position) -> None:
        """Replace the position."""
        with contextlib.suppress(OSError):
            fresh = self.path.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(position))
            os.replace(fresh, self.path)

    def remove(self) -> None:
        """Forget the stream: it is complete."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
