"""The form that `esc-tui` alone opens: choose a command, fill it in, see the command line, start it."""
