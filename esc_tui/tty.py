"""Whether there is a terminal for the console."""

import os
import sys


def in_terminal() -> bool:
    """Whether a person sits at both ends: the console reads standard input and draws on standard error.

    In a browser, Textual's own driver, which its server names in the environment, takes the terminal's place.
    """
    if os.environ.get("TEXTUAL_DRIVER"):
        return True
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
