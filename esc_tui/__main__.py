"""`python -m esc_tui` is `esc-tui`."""

from esc_tui.cli import main

main()
