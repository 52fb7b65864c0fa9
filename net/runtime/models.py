"""Loaded models, shared: the engines of one process that use the same model folder use one copy."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codec import Codec

THREADS = max(1, (os.cpu_count() or 2) // 2)
"""Half of the cores for each end of a link: on one machine both ends work at once, and threads that outnumber the
cores wait for each other longer than they work."""

_lock = threading.Lock()
_loaded: dict[tuple[Path | None, str], "Codec"] = {}


def shared_codec(folder: Path | None, device: str) -> "Codec":
    """Load a model once (None: the bundled one); raises `ModelError`, also for one that no link can carry."""
    from codec import Codec  # noqa: PLC0415 - importing torch takes seconds
    from codec.chunks.streaming import check_streamable  # noqa: PLC0415 - likewise

    key = (folder.resolve() if folder else None, device)
    with _lock:
        if key not in _loaded:
            codec = Codec.load(folder, device=device, threads=THREADS)
            check_streamable(codec)
            _loaded[key] = codec
        return _loaded[key]
