"""The entry point: `esc-tui`, and `python -m esc_tui`."""

import sys

from esc_tui.terminal import INTERRUPTED, exit_on_interrupt, open_closed_streams


def main() -> None:
    """Run the command line and exit with its code; Ctrl-C also ends an import without a traceback."""
    try:
        exit_on_interrupt()
        open_closed_streams()
        from esc_tui.cli import main as run_and_exit  # noqa: PLC0415 - Ctrl-C may come while it is imported

        run_and_exit()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
