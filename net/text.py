"""Text that came from elsewhere, made safe to show: the one place that decides which characters may pass.

A character may pass if it is printable (Unicode's letters, marks, numbers, punctuation, symbols) or U+0020. So no
control character, escape sequence, line break, bidirectional override or other invisible character reaches a terminal
or a log. Markup (`[bold]`) is printable: who draws text as markup must escape it.
"""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def is_printable(text: str) -> bool:
    """Whether every character of `text` may be shown."""
    return text.isprintable()


def printable(text: str, max_chars: int) -> str:
    """Return `text` cut to `max_chars`, with U+0020 for all spaces and U+FFFD for what may not be shown."""
    if len(text) > max_chars:
        text = text[: max_chars - 1] + ELLIPSIS
    return "".join(
        character if character.isprintable() else " " if character.isspace() else REPLACEMENT for character in text
    )
