"""Text that came from elsewhere (a peer, a file, its name) on its way to the terminal."""

from typing import Final

from rich.markup import escape

from net.text import printable

MAX_CHARS: Final = 4096


def shown(text: str) -> str:
    """Return rich markup that shows `text` and does nothing else: no markup of its own, no control characters."""
    return escape(printable(text, MAX_CHARS))
