"""Remembers the identities of file streams that have not ended, so that `--resume` can go on with them."""

import contextlib
import hashlib
import os
from pathlib import Path

from net.settings import SenderSettings


class ResumeStore:
    """One small file for each unfinished stream, named by what makes it the same one. A disk that fails is no error."""

    def __init__(self, folder: Path, settings: SenderSettings) -> None:
        self._path = folder / f"{_key(settings)}.stream"

    def recall(self) -> bytes | None:
        """The identity under which this stream was begun and not ended, if it was."""
        try:
            stream_id = bytes.fromhex(self._path.read_text().strip())
        except (OSError, ValueError):
            return None
        return stream_id if len(stream_id) == 16 else None

    def remember(self, stream_id: bytes) -> None:
        """Keep the identity of a stream that begins."""
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(stream_id.hex())
            os.replace(fresh, self._path)

    def forget(self) -> None:
        """Drop the identity of a stream that has ended."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _key(settings: SenderSettings) -> str:
    """The same file, unchanged, to the same receiver, in the same chunks, by the same model."""
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
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
