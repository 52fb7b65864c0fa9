"""The ESC neural speech codec: numerics, chunks, bits and files.

Nothing here knows sockets or consoles. Heavy parts (torch) load when `Codec` is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codec.codec import Codec
    from codec.files.in_memory import compress, decompress

__all__ = ["Codec", "compress", "decompress"]

_HOMES = {"Codec": "codec.codec", "compress": "codec.files.in_memory", "decompress": "codec.files.in_memory"}


def __getattr__(name: str) -> Any:
    """Load what is asked for, and with it torch, when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
