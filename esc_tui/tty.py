"""Whether there is a terminal for the console."""

import sys


def in_terminal() -> bool:
    """Whether a person sits at both ends: the console reads standard input and draws on standard error."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
