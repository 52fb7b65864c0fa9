"""The entry point: `esc-tui`, and `python -m esc_tui`."""

import sys


def main() -> None:
    """Run the command line and exit with its code; Ctrl-C also ends an import without a traceback."""
    try:
        from esc_tui.cli import main as run_and_exit  # noqa: PLC0415 - Ctrl-C may come while it is imported

        run_and_exit()
    except KeyboardInterrupt:
        sys.exit(130)  # ExitCode.INTERRUPTED, which may not be imported yet


if __name__ == "__main__":
    main()
