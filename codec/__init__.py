"""The ESC neural speech codec: numerics, chunks, bits and files.

Nothing here knows sockets or consoles. Heavy parts (torch) load when `Codec` is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codec.inference import Codec

__all__ = ["Codec"]


def __getattr__(name: str) -> Any:
    """Load `Codec`, and with it torch, when it is first asked for."""
    if name == "Codec":
        from codec.inference import Codec  # noqa: PLC0415 - importing torch takes seconds

        return Codec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
