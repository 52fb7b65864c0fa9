"""The identities of file streams that have not ended, so that `--resume` can continue them."""

import contextlib
import hashlib
import os
from pathlib import Path

from codec.atomic_file import write_atomically
from net.settings import SenderSettings


class ResumeStore:
    """One small file for each unfinished stream, named by what identifies it. A disk that fails is no error."""

    def __init__(self, folder: Path, settings: SenderSettings) -> None:
        self._path = folder / f"{_key(settings)}.stream"

    def load(self) -> bytes | None:
        """The identity of the unfinished stream; None if there is none."""
        try:
            stream_id = bytes.fromhex(self._path.read_text().strip())
        except (OSError, ValueError):
            return None
        return stream_id if len(stream_id) == 16 else None

    def save(self, stream_id: bytes) -> None:
        """Write the identity of a stream that begins."""
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, stream_id.hex().encode())

    def delete(self) -> None:
        """Remove the identity of a stream that has ended."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _key(settings: SenderSettings) -> str:
    """A hash of the file and its version, the receiver, the chunks and the model."""
    source = settings.input or Path()
    try:
        status = source.stat()
        version = f"{status.st_size} {status.st_mtime_ns}"
    except OSError:
        version = ""
    plan = settings.plan
    parts = (
        *(os.path.realpath(source), version, settings.host, str(settings.port), str(settings.model_path or "")),
        *(str(plan.chunk_samples), str(plan.overlap_samples), str(plan.stitching), str(settings.num_streams)),
        *(("enhanced",) if settings.enhance else ()),
    )
    return hashlib.sha256(os.fsencode("\0".join(parts))).hexdigest()[:32]
