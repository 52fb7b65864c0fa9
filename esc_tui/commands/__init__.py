"""One module a command: its options, checked, and what it runs. Only the entry point imports them."""
